//! The files that a message holds, so that they can be kept apart from it.

use super::{AnyMessage, Attachment, File, Media, MediaSource, WhatsAppContent};

impl AnyMessage {
    /// The files whose bytes it holds, in a fixed order.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let (attachments, media): (&[Attachment], &[Media]) = match self {
            Self::Chat(chat) => (&[], &chat.media),
            Self::Email(email) => (&email.attachments, &[]),
            Self::Push(_) => (&[], &[]),
            Self::Sms(sms) => (&[], &sms.media),
            Self::WhatsApp(message) => match &message.content {
                WhatsAppContent::Media(media) => (&[], std::slice::from_ref(media)),
                _ => (&[], &[]),
            },
        };
        let uploads = media.iter().filter_map(|media| match &media.source {
            MediaSource::File(file) => Some(file),
            MediaSource::Url(_) => None,
        });
        attachments.iter().map(|attachment| &attachment.file).chain(uploads)
    }

    /// The same, to be changed.
    pub(super) fn files_mut(&mut self) -> Vec<&mut File> {
        let (attachments, media): (&mut [Attachment], &mut [Media]) = match self {
            Self::Chat(chat) => (&mut [], &mut chat.media),
            Self::Email(email) => (&mut email.attachments, &mut []),
            Self::Push(_) => (&mut [], &mut []),
            Self::Sms(sms) => (&mut [], &mut sms.media),
            Self::WhatsApp(message) => match &mut message.content {
                WhatsAppContent::Media(media) => (&mut [], std::slice::from_mut(media)),
                _ => (&mut [], &mut []),
            },
        };
        let uploads = media.iter_mut().filter_map(|media| match &mut media.source {
            MediaSource::File(file) => Some(file),
            MediaSource::Url(_) => None,
        });
        attachments.iter_mut().map(|attachment| &mut attachment.file).chain(uploads).collect()
    }
}
