//! Faults of networks and servers, and the exit statuses that a command may have then.

/// A fault of the network, of a proxy, or of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429; with the seconds of `Retry-After`, where it has one.
    RateLimited(Option<u64>),
    /// A 5xx without a message, after the request was carried out.
    ServerError(u16),
    /// An HTML page with this status that contains the credential.
    HtmlPage(u16),
    /// The connection is reset before a response.
    Reset,
    /// The connection is closed before a response.
    Closed,
    /// The connection is closed in the middle of the headers.
    PartialHeaders,
    /// Fewer bytes than `Content-Length`.
    Truncated,
    /// Chunked encoding without the last chunks.
    MissingChunks,
    /// Chunked encoding whose chunk size is not a number.
    InvalidChunkSize,
    /// One byte of the body at a time, without an end.
    SlowBody,
    /// One byte of the headers at a time, without an end.
    SlowHeaders,
    /// `100 Continue`, without an end.
    EndlessInterim,
    /// The server accepts the connection and sends nothing.
    NoResponse,
    /// Not HTTP.
    NotHttp,
    /// Headers without an end.
    EndlessHeaders,
    /// An array in place of an object, and the reverse.
    WrongShape,
    /// The response as one JSON string.
    StringBody,
    /// Numbers in place of strings, and the reverse.
    WrongTypes,
    /// `null`.
    Null,
    /// Invalid UTF-8 in every string.
    InvalidUtf8,
    /// 100,000 opening brackets.
    DeepNesting,
    /// The same as an entry of a list.
    DeeplyNestedEntry,
    /// A page that names itself as the next page.
    RepeatedPage,
    /// Pages without an end, each with the same entries.
    EndlessPages,
    /// Pages without an end, each with new entries.
    EndlessEntries,
    /// A page whose next page is on another server.
    NextPageElsewhere,
    /// A body without an end.
    EndlessBody,
    /// A small body that decompresses to 300 MB.
    GzipBomb,
    /// A redirect to another server, with this status.
    RedirectElsewhere(u16),
    /// Redirects to the same server without an end.
    RedirectLoop,
    /// 200 without a body.
    EmptyBody,
    /// 204.
    NoContent,
}

/// Every fault.
pub(crate) const ALL: [Fault; 43] = [
    Fault::RateLimited(Some(1)),
    Fault::RateLimited(Some(3600)),
    Fault::RateLimited(None),
    Fault::ServerError(500),
    Fault::ServerError(502),
    Fault::ServerError(503),
    Fault::ServerError(504),
    Fault::HtmlPage(200),
    Fault::HtmlPage(401),
    Fault::HtmlPage(403),
    Fault::HtmlPage(500),
    Fault::Reset,
    Fault::Closed,
    Fault::PartialHeaders,
    Fault::Truncated,
    Fault::MissingChunks,
    Fault::InvalidChunkSize,
    Fault::SlowBody,
    Fault::SlowHeaders,
    Fault::EndlessInterim,
    Fault::NoResponse,
    Fault::NotHttp,
    Fault::EndlessHeaders,
    Fault::WrongShape,
    Fault::StringBody,
    Fault::WrongTypes,
    Fault::Null,
    Fault::InvalidUtf8,
    Fault::DeepNesting,
    Fault::DeeplyNestedEntry,
    Fault::RepeatedPage,
    Fault::EndlessPages,
    Fault::EndlessEntries,
    Fault::NextPageElsewhere,
    Fault::EndlessBody,
    Fault::GzipBomb,
    Fault::RedirectElsewhere(301),
    Fault::RedirectElsewhere(302),
    Fault::RedirectElsewhere(307),
    Fault::RedirectElsewhere(308),
    Fault::RedirectLoop,
    Fault::EmptyBody,
    Fault::NoContent,
];

impl Fault {
    /// The exit statuses of a command whose request got this fault.
    pub(crate) fn statuses(self) -> &'static [i32] {
        let is_cut = matches!(
            self,
            Self::Reset
                | Self::Closed
                | Self::PartialHeaders
                | Self::Truncated
                | Self::MissingChunks
                | Self::NotHttp
        );
        if is_cut || self.is_slow() {
            &[7]
        } else if self == Self::HtmlPage(401) {
            &[3]
        } else {
            // Also a page with 403: a gateway sent it, and it says nothing about the credential.
            &[8]
        }
    }

    /// Whether the server carried out the request. Where it did not, the request may be repeated.
    pub(crate) fn is_carried_out(self) -> bool {
        !matches!(
            self,
            Self::RateLimited(_)
                | Self::HtmlPage(401 | 403)
                | Self::RedirectElsewhere(_)
                | Self::RedirectLoop
        )
    }

    /// Whether the program retries the request.
    pub(crate) fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited(_)
                | Self::ServerError(502..=504)
                | Self::Reset
                | Self::Closed
                | Self::PartialHeaders
                | Self::Truncated
                | Self::MissingChunks
                | Self::NotHttp
        )
    }

    /// Whether there is no complete response, so that the time limit applies.
    pub(crate) fn is_slow(self) -> bool {
        matches!(
            self,
            Self::SlowBody | Self::SlowHeaders | Self::EndlessInterim | Self::NoResponse
        )
    }

    /// Whether a run takes seconds of work, so that only a few commands get it.
    pub(crate) fn is_heavy(self) -> bool {
        self == Self::EndlessEntries
    }
}
