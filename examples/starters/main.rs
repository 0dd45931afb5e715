//! Renders the starter templates with sample data and writes the mails as HTML:
//! `cargo run --features full --example starters -- FOLDER`.

mod starters;

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).map(PathBuf::from);
    for source in starters::SOURCES {
        let (name, locale, _) = source;
        let made = starters::made(*source)?;
        println!("== {name} ({locale}): {}\n", made.email.subject);
        println!("{}\n{}\n", made.email.text.as_deref().unwrap_or_default(), made.sms.body);
        println!("{:?}\n{:?}\n{:?}\n", made.push, made.whatsapp, made.chat);
        if let Some(folder) = &folder {
            fs::create_dir_all(folder)?;
            fs::write(
                folder.join(format!("{name}.{locale}.html")),
                made.email.html.as_deref().unwrap_or_default(),
            )?;
        }
    }
    Ok(())
}
