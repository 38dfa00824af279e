//! What can go wrong between the program and a server, and how a command may end then.

/// A fault of the network, of something that stands in between, or of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// 429; with the seconds of `Retry-After`, where it has one.
    TooMany(Option<u64>),
    /// A 5xx without words, after the request was carried out.
    Failed(u16),
    /// A page of HTML with this status, which repeats the credential.
    Page(u16),
    /// The connection is reset before there is an answer.
    Reset,
    /// The connection is closed before there is an answer.
    Closed,
    /// The connection is closed in the middle of the headers.
    HalfAHead,
    /// Fewer bytes than the length that was told.
    Truncated,
    /// Chunks, of which the last ones are missing.
    BrokenChunks,
    /// Chunks whose length is no number.
    WrongChunks,
    /// A byte of the body at a time, without an end.
    Drip,
    /// A byte of the headers at a time, without an end.
    DripHead,
    /// `100 Continue`, without an end.
    Interim,
    /// Nothing at all.
    Silence,
    /// Something that is no HTTP.
    NotHttp,
    /// Headers without an end.
    EndlessHead,
    /// An array where an object is expected, and the other way round.
    OtherShape,
    /// The whole answer as one string of JSON.
    OneString,
    /// Strings are numbers, and numbers are strings.
    OtherTypes,
    /// `null`.
    Null,
    /// Bytes that are no UTF-8 in every string.
    NotUtf8,
    /// A hundred thousand brackets, alone.
    Deep,
    /// The same as the entry of a list.
    DeepInside,
    /// A page that is followed by itself.
    SamePage,
    /// A page that is followed by another one with the same entries, again and again.
    EndlessPages,
    /// A page that is followed by one with other entries, again and again.
    EndlessEntries,
    /// A page that is followed by one on another server.
    NextElsewhere,
    /// A body without an end.
    Flood,
    /// A small body that unpacks to 300 MB.
    Bomb,
    /// Another server is named as the place to ask, with this status.
    Redirect(u16),
    /// This server is named as the place to ask, again and again.
    Circle,
    /// 200 without a body.
    Empty,
    /// 204.
    NoContent,
}

/// Every fault.
pub(crate) const ALL: [Fault; 43] = [
    Fault::TooMany(Some(1)),
    Fault::TooMany(Some(3600)),
    Fault::TooMany(None),
    Fault::Failed(500),
    Fault::Failed(502),
    Fault::Failed(503),
    Fault::Failed(504),
    Fault::Page(200),
    Fault::Page(401),
    Fault::Page(403),
    Fault::Page(500),
    Fault::Reset,
    Fault::Closed,
    Fault::HalfAHead,
    Fault::Truncated,
    Fault::BrokenChunks,
    Fault::WrongChunks,
    Fault::Drip,
    Fault::DripHead,
    Fault::Interim,
    Fault::Silence,
    Fault::NotHttp,
    Fault::EndlessHead,
    Fault::OtherShape,
    Fault::OneString,
    Fault::OtherTypes,
    Fault::Null,
    Fault::NotUtf8,
    Fault::Deep,
    Fault::DeepInside,
    Fault::SamePage,
    Fault::EndlessPages,
    Fault::EndlessEntries,
    Fault::NextElsewhere,
    Fault::Flood,
    Fault::Bomb,
    Fault::Redirect(301),
    Fault::Redirect(302),
    Fault::Redirect(307),
    Fault::Redirect(308),
    Fault::Circle,
    Fault::Empty,
    Fault::NoContent,
];

impl Fault {
    /// The statuses that a command may end with when the answer that it needs was this.
    pub(crate) fn statuses(self) -> &'static [i32] {
        let is_cut = matches!(
            self,
            Self::Reset
                | Self::Closed
                | Self::HalfAHead
                | Self::Truncated
                | Self::BrokenChunks
                | Self::WrongChunks
        );
        if is_cut || self.is_slow() {
            &[7]
        } else if matches!(self, Self::NotHttp | Self::EndlessHead) {
            // Whether that is a server or something else nobody can tell.
            &[7, 8]
        } else if self == Self::Page(401) {
            &[3]
        } else {
            // Also a page with 403: it is a gateway's, and says nothing about the credential.
            &[8]
        }
    }

    /// Whether the server carried out what was asked. Where it did not, it may be asked again.
    pub(crate) fn is_done(self) -> bool {
        !matches!(
            self,
            Self::TooMany(_) | Self::Page(401 | 403) | Self::Redirect(_) | Self::Circle
        )
    }

    /// Whether the same question may be answered better the next time, so that the program asks again.
    pub(crate) fn passes(self) -> bool {
        matches!(
            self,
            Self::TooMany(_)
                | Self::Failed(502..=504)
                | Self::Reset
                | Self::Closed
                | Self::HalfAHead
                | Self::Truncated
                | Self::BrokenChunks
                | Self::WrongChunks
                | Self::NotHttp
                | Self::EndlessHead
        )
    }

    /// Whether there is no answer, so that the program has to end by itself.
    pub(crate) fn is_slow(self) -> bool {
        matches!(
            self,
            Self::Drip | Self::DripHead | Self::Interim | Self::Silence
        )
    }

    /// Whether a run takes seconds of work, so that a few commands must do for it.
    pub(crate) fn is_heavy(self) -> bool {
        self == Self::EndlessEntries
    }
}
