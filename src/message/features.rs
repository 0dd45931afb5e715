//! What a message may need and a provider may offer.

use std::{fmt, ops::BitOr};

macro_rules! features {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $word:literal;)*) => {
        /// A set of features: what a message needs, or what a provider offers.
        ///
        /// ```
        /// use tidings::Features;
        ///
        /// let offered = Features::HTML | Features::CC;
        /// assert!(offered.contains(Features::CC));
        /// assert_eq!((Features::CC | Features::BCC).missing_in(offered), Features::BCC);
        /// assert_eq!(offered.to_string(), "cc, html");
        /// ```
        #[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
        pub struct Features(u64);

        impl Features {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Every feature with its word, in alphabetical order.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),*];
        }
    };
}

features! {
    /// Buttons with a title and an action on a push message.
    ACTIONS = 0, "actions";
    /// An SMS sender that is a name.
    ALPHANUMERIC_SENDER = 1, "alphanumeric sender";
    /// Files beside an email's text.
    ATTACHMENTS = 2, "attachments";
    /// Sound or voice as media.
    AUDIO = 3, "audio";
    /// The number on an app's icon.
    BADGE = 4, "badge";
    /// Blind carbon copies.
    BCC = 5, "bcc";
    /// Buttons under a message.
    BUTTONS = 6, "buttons";
    /// Carbon copies.
    CC = 7, "cc";
    /// A later push message replaces an earlier one of the same key.
    COLLAPSE_KEY = 8, "collapse key";
    /// A push message to all who match a condition over topics.
    CONDITION = 9, "condition";
    /// Email headers of the caller's own.
    CUSTOM_HEADERS = 10, "custom headers";
    /// Key-value data for the app.
    DATA = 11, "data";
    /// New words in place of a message that was sent before.
    EDIT = 12, "edit";
    /// Any file as media.
    FILE = 13, "file";
    /// An HTML part.
    HTML = 14, "html";
    /// A picture as media.
    IMAGE = 15, "image";
    /// Pictures inside an email's HTML.
    INLINE_IMAGES = 16, "inline images";
    /// An inline keyboard: rows of buttons that answer the bot or open a link.
    INLINE_KEYBOARD = 17, "inline keyboard";
    /// A list of rows to choose from.
    LISTS = 18, "lists";
    /// The headers List-Unsubscribe and List-Unsubscribe-Post.
    LIST_UNSUBSCRIBE = 19, "list-unsubscribe";
    /// A point on the map.
    LOCATION = 20, "location";
    /// Text marked up as Markdown.
    MARKDOWN = 21, "markdown";
    /// Media given as bytes and not as a link.
    MEDIA_UPLOAD = 22, "media upload";
    /// Data per recipient, filled in by the vendor.
    MERGE_DATA = 23, "merge data";
    /// Key-value data that comes back with events and no reader sees.
    METADATA = 24, "metadata";
    /// A priority other than normal.
    PRIORITY = 25, "priority";
    /// A quoted message that this one answers.
    REPLY_CONTEXT = 26, "reply context";
    /// An address for answers.
    REPLY_TO = 27, "reply-to";
    /// A sound of the app's own.
    SOUND = 28, "sound";
    /// A push message to a browser's subscription.
    SUBSCRIPTION = 29, "subscription";
    /// Words by which the vendor groups its statistics.
    TAGS = 30, "tags";
    /// A thread within a chat.
    THREAD = 31, "thread";
    /// A push message to all subscribers of a topic.
    TOPIC = 32, "topic";
    /// How long a vendor keeps trying.
    TTL = 33, "ttl";
    /// A template that is kept at the vendor.
    VENDOR_TEMPLATE = 34, "vendor template";
    /// Moving pictures as media.
    VIDEO = 35, "video";
}

impl Features {
    /// No feature.
    pub const NONE: Self = Self(0);
    /// Every feature.
    pub const ALL: Self = Self((1 << Self::NAMED.len()) - 1);
    /// Media of every kind, by link.
    pub const MEDIA: Self = Self(Self::AUDIO.0 | Self::FILE.0 | Self::IMAGE.0 | Self::VIDEO.0);

    /// Both sets together; usable in constants, as `|` is not.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if all of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What of this set is not in `offered`.
    #[must_use]
    pub const fn missing_in(self, offered: Self) -> Self {
        Self(self.0 & !offered.0)
    }

    /// True if the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The features of the set, one by one.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        Self::NAMED.iter().map(|(feature, _)| *feature).filter(move |feature| self.contains(*feature))
    }
}

impl BitOr for Features {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.and(other)
    }
}

impl fmt::Display for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = Self::NAMED.iter().filter(|(feature, _)| self.contains(*feature)).map(|(_, word)| *word);
        f.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Features({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_distinct_and_in_order() {
        for (index, (feature, word)) in Features::NAMED.iter().enumerate() {
            assert_eq!(feature.0, 1 << index, "{word}");
        }
        assert_eq!(Features::ALL.iter().count(), Features::NAMED.len());
    }
}
