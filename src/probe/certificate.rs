//! Subject, issuer and validity of an X.509 certificate (RFC 5280, section 4.1). Nothing is verified here.

use crate::types::date::Date;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CertificateSummary {
    /// The common name, else the organisation or its unit.
    pub subject: Option<String>,
    pub issuer: Option<String>,
    /// Whether subject and issuer are the same.
    pub is_self_signed: bool,
    /// The first day of its validity, in UTC.
    pub begins_on: Option<Date>,
    /// The last day of its validity, in UTC.
    pub ends_on: Option<Date>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const EXPLICIT_VERSION: u8 = 0xa0;

/// Common name, organisation, organisational unit (RFC 4519), in the order in which they are preferred.
const ATTRIBUTES: [[u8; 3]; 3] = [[0x55, 4, 3], [0x55, 4, 10], [0x55, 4, 11]];

impl CertificateSummary {
    /// Reads a certificate in DER; empty where that is not possible.
    pub(crate) fn from_der(certificate: &[u8]) -> Self {
        read(certificate).unwrap_or_default()
    }
}

fn read(certificate: &[u8]) -> Option<CertificateSummary> {
    let (_, whole, _) = read_tlv(certificate)?;
    let (_, mut fields, _) = read_tlv(whole)?;
    let (tag, _, rest) = read_tlv(fields)?;
    if tag == EXPLICIT_VERSION {
        fields = rest;
    }
    let (_, _serial, fields) = read_tlv(fields)?;
    let (_, _algorithm, fields) = read_tlv(fields)?;
    let (_, issuer, fields) = read_tlv(fields)?;
    let (_, validity, fields) = read_tlv(fields)?;
    let (begin, begins, rest) = read_tlv(validity)?;
    let (end, ends, _) = read_tlv(rest)?;
    let (_, subject, _) = read_tlv(fields)?;
    Some(CertificateSummary {
        subject: name(subject),
        issuer: name(issuer),
        is_self_signed: issuer == subject,
        begins_on: date(begin, begins),
        ends_on: date(end, ends),
    })
}

/// The first element: its tag, its content, and the bytes after it (X.690, section 8.1).
fn read_tlv(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if digits.len() > 4 {
            return None;
        }
        let length = digits
            .iter()
            .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
        (length, rest)
    };
    let (content, behind) = rest.split_at_checked(length)?;
    Some((tag, content, behind))
}

/// The date of a time: `YYMMDD…` for the years from 1950 to 2049, else `YYYYMMDD…`.
fn date(tag: u8, time: &[u8]) -> Option<Date> {
    let text = std::str::from_utf8(time).ok()?;
    let (year, rest) = if tag == UTC_TIME {
        let year: u32 = text.get(..2)?.parse().ok()?;
        (
            if year < 50 { 2000 + year } else { 1900 + year },
            text.get(2..)?,
        )
    } else {
        (text.get(..4)?.parse().ok()?, text.get(4..)?)
    };
    let (month, day) = (rest.get(..2)?, rest.get(2..4)?);
    format!("{year:04}-{month}-{day}").parse().ok()
}

fn name(mut relative: &[u8]) -> Option<String> {
    let mut found: [Option<String>; 3] = Default::default();
    while let Some((SET, set, behind)) = read_tlv(relative) {
        relative = behind;
        let Some((SEQUENCE, pair, _)) = read_tlv(set) else {
            continue;
        };
        let Some((OBJECT_IDENTIFIER, kind, value)) = read_tlv(pair) else {
            continue;
        };
        let rank = ATTRIBUTES.iter().position(|attribute| attribute == kind);
        if let Some(rank) = rank
            && let Some((_, text, _)) = read_tlv(value)
        {
            let text = String::from_utf8_lossy(text);
            found[rank] = Some(text.chars().take(120).collect());
        }
    }
    found.into_iter().flatten().next()
}

/// A certificate of `git.example.com` that is valid until 2026-11-22, in DER.
#[cfg(test)]
pub(crate) fn certificate_until_2026_11_22() -> Vec<u8> {
    tests::der(tests::LEAF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    /// `openssl req -x509 -newkey ed25519 -nodes -subj "/O=Acme/CN=Acme Root" -days 1`, and a leaf it signed.
    const SELF_SIGNED: &str = "MIIBWzCCAQ2gAwIBAgIUNgGymHVP5EZGgNaXv2jp3OMY5y4wBQYDK2VwMCMxDTALBgNVBAoMBEFjbWUxEjAQBgNVBAMMCUFjbWUg\
         Um9vdDAeFw0yNjExMjExOTEzMjZaFw0yNjExMjIxOTEzMjZaMCMxDTALBgNVBAoMBEFjbWUxEjAQBgNVBAMMCUFjbWUgUm9vdDAq\
         MAUGAytlcAMhAPi3Q6zkWDGKEOhJ1DPXiuimMzGHLi6hQ2ibVnNFXlUeo1MwUTAdBgNVHQ4EFgQU+cq4uOiw803ZpenWfkv+QV7d\
         iEkwHwYDVR0jBBgwFoAU+cq4uOiw803ZpenWfkv+QV7diEkwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQBnlq+8ijstWqH5QMy2\
         EMXx2fkH8F26byz3XkkaK910NNmM5QOq4k4DuTYWp7ybn0NF2xXkmEOYTuOBn1K0CmEO";
    pub(super) const LEAF: &str = "MIH3MIGqAhR7DHomHpiGTqzWBkSRv1pcFriwxjAFBgMrZXAwIzENMAsGA1UECgwEQWNtZTESMBAGA1UEAwwJQWNtZSBSb290MB4X\
         DTI2MTEyMTE5MTMyNloXDTI2MTEyMjE5MTMyNlowGjEYMBYGA1UEAwwPZ2l0LmV4YW1wbGUuY29tMCowBQYDK2VwAyEAHEfYtR6R\
         aTSNRT3++9WbTNKowSvgNxIsByw+DTH1eVcwBQYDK2VwA0EAEwUC5JWCyaUw/zdcobj4rIpcQtqszy2K8vRXaSQXG/uycdoG34h4\
         QBCwRwxg69dLUxJcCBX833/q+khd/y5WCw==";

    pub(super) fn der(text: &str) -> Vec<u8> {
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap()
    }

    #[test]
    fn subject_issuer_and_validity_are_read() {
        let root = CertificateSummary::from_der(&der(SELF_SIGNED));
        assert_eq!(root.issuer.as_deref(), Some("Acme Root"));
        assert!(root.is_self_signed);
        let leaf = CertificateSummary::from_der(&der(LEAF));
        assert_eq!(leaf.subject.as_deref(), Some("git.example.com"));
        assert_eq!(leaf.issuer.as_deref(), Some("Acme Root"));
        assert!(!leaf.is_self_signed);
        let dates = [leaf.begins_on, leaf.ends_on].map(|date| date.map(|date| date.to_string()));
        assert_eq!(
            dates,
            [Some("2026-11-21"), Some("2026-11-22")].map(|date| date.map(str::to_owned))
        );
        assert_eq!(
            date(0x18, b"20510203040506Z")
                .map(|date| date.to_string())
                .as_deref(),
            Some("2051-02-03")
        );
    }

    #[test]
    fn a_truncated_certificate_is_empty() {
        let leaf = der(LEAF);
        for end in 0..leaf.len() {
            assert_eq!(
                CertificateSummary::from_der(&leaf[..end]),
                CertificateSummary::default(),
                "{end}"
            );
        }
        assert_eq!(
            CertificateSummary::from_der(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
            CertificateSummary::default()
        );
    }
}
