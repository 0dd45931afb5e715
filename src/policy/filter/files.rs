//! Types of files that may go with a message.

use super::ContentFilter;
use crate::{
    error::{Error, Result},
    id::TenantId,
    message::{AnyMessage, File},
};

/// Refuses files by what they say they are, by how their name ends, and by how their bytes begin: each alone is enough,
/// as any of them may be what the reader's machine goes by.
///
/// [`programs`](Self::programs) refuses what runs; [`only`](Self::only) lets pass no more than a few types, where
/// name, declared type and bytes agree. Archives are not opened.
#[derive(Clone, Debug)]
pub struct FileTypes(Mode);

#[derive(Clone, Debug)]
enum Mode {
    Only(Vec<&'static Known>),
    Programs,
}

/// A type of file: the ends of its names, what it is declared as, how its bytes begin.
#[derive(Debug)]
struct Known {
    extensions: &'static [&'static str],
    declared: &'static [&'static str],
    begins: &'static [&'static [u8]],
}

const KNOWN: &[Known] = &[
    Known { extensions: &["csv"], declared: &["text/csv"], begins: &[] },
    Known {
        extensions: &["docx"],
        declared: &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"],
        begins: &[b"PK\x03\x04"],
    },
    Known { extensions: &["gif"], declared: &["image/gif"], begins: &[b"GIF87a", b"GIF89a"] },
    Known { extensions: &["ics"], declared: &["text/calendar"], begins: &[b"BEGIN:VCALENDAR"] },
    Known { extensions: &["jpg", "jpeg"], declared: &["image/jpeg"], begins: &[b"\xff\xd8\xff"] },
    Known { extensions: &["pdf"], declared: &["application/pdf"], begins: &[b"%PDF-"] },
    Known { extensions: &["png"], declared: &["image/png"], begins: &[b"\x89PNG\r\n\x1a\n"] },
    Known { extensions: &["txt"], declared: &["text/plain"], begins: &[] },
    Known {
        extensions: &["xlsx"],
        declared: &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"],
        begins: &[b"PK\x03\x04"],
    },
    Known { extensions: &["zip"], declared: &["application/zip"], begins: &[b"PK\x03\x04", b"PK\x05\x06"] },
];

/// Names that a double click runs, or mounts as a disk.
const PROGRAM_EXTENSIONS: &[&str] = &[
    "apk", "app", "bat", "chm", "cmd", "com", "cpl", "dll", "dmg", "exe", "gadget", "hta", "img", "inf",
    "ins", "iso", "jar", "js", "jse", "lnk", "mde", "msc", "msi", "msp", "mst", "pif", "ps1", "ps2", "reg",
    "scr", "sct", "sh", "shb", "sys", "url", "vb", "vbe", "vbs", "vhd", "vhdx", "vxd", "wsc", "wsf", "wsh",
    "xll",
];

const PROGRAM_TYPES: &[&str] = &[
    "application/hta",
    "application/java-archive",
    "application/javascript",
    "application/vnd.android.package-archive",
    "application/vnd.microsoft.portable-executable",
    "application/x-bat",
    "application/x-dosexec",
    "application/x-elf",
    "application/x-executable",
    "application/x-iso9660-image",
    "application/x-mach-binary",
    "application/x-ms-shortcut",
    "application/x-msdos-program",
    "application/x-msdownload",
    "application/x-msi",
    "application/x-sh",
    "application/x-sharedlib",
    "text/javascript",
    "text/vbscript",
];

/// DOS and Windows, ELF, Mach-O in its forms, Java classes, scripts, Windows shortcuts.
const PROGRAM_BYTES: &[&[u8]] = &[
    b"MZ",
    b"\x7fELF",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"#!",
    b"L\x00\x00\x00\x01\x14\x02\x00",
];

impl FileTypes {
    /// Refuses what runs on a reader's machine.
    pub fn programs() -> Self {
        Self(Mode::Programs)
    }

    /// Lets pass these types alone, named by an extension: csv, docx, gif, ics, jpg, pdf, png, txt, xlsx, zip.
    ///
    /// # Errors
    /// If a type is not among these.
    pub fn only<S: AsRef<str>>(extensions: impl IntoIterator<Item = S>) -> Result<Self> {
        let known = extensions.into_iter().map(|extension| {
            let wanted = extension.as_ref().trim_start_matches('.').to_ascii_lowercase();
            let known = KNOWN.iter().find(|known| known.extensions.contains(&wanted.as_str()));
            let all = KNOWN.iter().map(|known| known.extensions[0]).collect::<Vec<_>>().join(", ");
            known.ok_or_else(|| {
                Error::config(format!("the file type {wanted:?} is not known; known are {all}"))
            })
        });
        known.collect::<Result<_>>().map(|known| Self(Mode::Only(known)))
    }

    fn fault(&self, file: &File) -> Option<&'static str> {
        let extension = extension(file.name.as_str());
        let declared =
            file.content_type.as_str().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &self.0 {
            Mode::Only(known) => {
                let of_name = known.iter().find(|known| known.extensions.contains(&extension.as_str()));
                let Some(known) = of_name else {
                    return Some("its name does not end like that of an allowed type");
                };
                if !known.declared.contains(&declared.as_str()) {
                    return Some("it is not declared as what its name says");
                }
                let fits = known.begins.is_empty() || begins(file, known.begins);
                // A text has no bytes of its own to begin with, but never those of a program.
                let program = begins(file, PROGRAM_BYTES);
                (!fits || program).then_some("its bytes are not what its name says")
            }
            Mode::Programs if PROGRAM_EXTENSIONS.contains(&extension.as_str()) => {
                Some("its name is that of a program")
            }
            Mode::Programs if PROGRAM_TYPES.contains(&declared.as_str()) => {
                Some("it is declared as a program")
            }
            Mode::Programs => begins(file, PROGRAM_BYTES).then_some("its bytes are those of a program"),
        }
    }
}

impl ContentFilter for FileTypes {
    fn name(&self) -> &str {
        "file-types"
    }

    fn inspect(&self, _: &TenantId, message: &AnyMessage) -> Result<()> {
        for (index, file) in message.files().enumerate() {
            if let Some(why) = self.fault(file) {
                return Err(Error::invalid(format!("files[{index}]"), format!("{}: {why}", file.name)));
            }
        }
        Ok(())
    }
}

/// What Windows goes by: dots and spaces at the end of a name do not count.
fn extension(name: &str) -> String {
    let name = name.trim_end_matches(|c: char| c == '.' || c.is_whitespace());
    name.rsplit_once('.').map_or(String::new(), |(_, extension)| extension.to_lowercase())
}

fn begins(file: &File, with: &[&[u8]]) -> bool {
    with.iter().any(|start| file.content.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Attachment, Email};

    fn passes(filter: &FileTypes, name: &str, declared: &str, bytes: &'static [u8]) -> bool {
        let file = Attachment::new(name, declared, bytes).expect("valid");
        let email =
            Email::builder().to("a@x.org").subject("s").text("t").attach(file).build().expect("valid");
        filter.inspect(&TenantId::DEFAULT, &email.into()).is_ok()
    }

    #[test]
    fn programs_are_known_by_name_by_type_and_by_bytes() {
        let filter = FileTypes::programs();
        assert!(passes(&filter, "invoice.pdf", "application/pdf", b"%PDF-1.7"));
        assert!(passes(&filter, "notes.txt", "text/plain", b"mz"));
        for (name, declared, bytes) in [
            ("invoice.pdf.exe", "application/pdf", &b"%PDF-"[..]),
            ("invoice.EXE", "application/pdf", b"%PDF-"),
            ("invoice.exe. ", "application/pdf", b"%PDF-"),
            ("invoice.pdf", "application/x-msdownload; x=y", b"%PDF-"),
            ("invoice.pdf", "application/pdf", b"MZ\x90\0"),
            ("invoice.pdf", "application/pdf", b"\x7fELF"),
            ("run.txt", "text/plain", b"#!/bin/sh"),
        ] {
            assert!(!passes(&filter, name, declared, bytes), "{name} {declared}");
        }
    }

    #[test]
    fn of_allowed_types_name_type_and_bytes_agree() {
        let filter = FileTypes::only(["pdf", ".PNG", "txt"]).expect("known");
        assert!(passes(&filter, "a.pdf", "application/pdf", b"%PDF-1.7"));
        assert!(passes(&filter, "a.png", "image/png", b"\x89PNG\r\n\x1a\nx"));
        assert!(passes(&filter, "a.txt", "text/plain; charset=utf-8", b"hello"));
        for (name, declared, bytes) in [
            ("a.pdf", "application/pdf", &b"PK\x03\x04"[..]),
            ("a.pdf", "image/png", b"%PDF-1.7"),
            ("a.jpg", "image/jpeg", b"\xff\xd8\xff"),
            ("a", "application/pdf", b"%PDF-1.7"),
            ("a.txt", "text/plain", b"MZ"),
        ] {
            assert!(!passes(&filter, name, declared, bytes), "{name} {declared}");
        }
        assert!(FileTypes::only(["svg"]).expect_err("not known").to_string().contains("png"));
    }
}
