//! The files that a message holds, so that they can be kept apart from it.

use super::{AnyMessage, Attachment, File, Media, MediaSource};

impl AnyMessage {
    /// The files whose bytes it holds, in a fixed order.
    pub fn files(&self) -> impl Iterator<Item = &File> {
        let (attachments, media, more): (&[Attachment], &[Media], [Option<&Media>; 2]) = match self {
            Self::Chat(chat) => (&[], &chat.media, [None; 2]),
            Self::Email(email) => (&email.attachments, &[], [None; 2]),
            Self::Push(_) => (&[], &[], [None; 2]),
            Self::Sms(sms) => (&[], &sms.media, [None; 2]),
            Self::WhatsApp(message) => (&[], &[], message.all_media()),
        };
        let uploads =
            media.iter().chain(more.into_iter().flatten()).filter_map(|media| match &media.source {
                MediaSource::File(file) => Some(file),
                MediaSource::Url(_) => None,
            });
        attachments.iter().map(|attachment| &attachment.file).chain(uploads)
    }

    /// The same, to be changed.
    pub(super) fn files_mut(&mut self) -> Vec<&mut File> {
        let (attachments, media, more): (&mut [Attachment], &mut [Media], [Option<&mut Media>; 2]) =
            match self {
                Self::Chat(chat) => (&mut [], &mut chat.media, [None, None]),
                Self::Email(email) => (&mut email.attachments, &mut [], [None, None]),
                Self::Push(_) => (&mut [], &mut [], [None, None]),
                Self::Sms(sms) => (&mut [], &mut sms.media, [None, None]),
                Self::WhatsApp(message) => (&mut [], &mut [], message.all_media_mut()),
            };
        let media = media.iter_mut().chain(more.into_iter().flatten());
        let uploads = media.filter_map(|media| match &mut media.source {
            MediaSource::File(file) => Some(file),
            MediaSource::Url(_) => None,
        });
        attachments.iter_mut().map(|attachment| &mut attachment.file).chain(uploads).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{MediaKind, TemplateHeader, WhatsApp, WhatsAppTemplate};

    #[test]
    fn templates_and_stand_ins_hold_files_too() {
        let file = |name: &str| File::new(name, "image/png", name.as_bytes().to_vec()).expect("valid");
        let above = |name: &str| {
            let media = Media::file(MediaKind::Image, file(name));
            WhatsAppTemplate::new("t", "en").header(TemplateHeader::Media(media))
        };
        let message =
            WhatsApp::builder().to("+15005550006").template(above("a.png")).stand_in(above("b.png"));
        let mut message = AnyMessage::from(message.build().expect("valid"));
        let names =
            |message: &AnyMessage| message.files().map(|file| file.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(&message), ["a.png", "b.png"]);
        message.files_mut().into_iter().for_each(|file| file.content = bytes::Bytes::new());
        assert!(message.files().all(|file| file.content.is_empty()));
    }
}
