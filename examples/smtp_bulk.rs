//! Ten thousand personalised mails through eight SMTP sessions, with a progress bar and a summary by recipient.
//!
//! ```sh
//! cargo run --release --features smtp --example smtp_bulk         # 10,000 to a server that it starts itself
//! cargo run --release --features smtp --example smtp_bulk 500     # so many
//! ```
//!
//! Nothing leaves the machine: the server listens on loopback, counts what it takes, and refuses a few recipients as
//! servers do.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tidings::{
    Email, Messenger, Outcome, Result, Sent,
    providers::smtp::{SmtpConfig, SmtpTls},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

const MAILS: usize = 10_000;
const SESSIONS: usize = 8;
/// So many are on their way at once: those that wait for a session are written right behind others.
const WIDTH: usize = 32;

#[tokio::main]
async fn main() -> Result<()> {
    let mails = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(MAILS);
    let taken = Arc::new(AtomicUsize::new(0));
    let port = start_server(Arc::clone(&taken)).await;

    // With a server of your own: SmtpConfig::from_env()?, or a URL as in smtp://user:password@mail.example.org.
    let smtp = SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).max_connections(SESSIONS);
    let messenger = Messenger::builder().email(smtp.build()).build()?;

    let (mut sending, mut summary, mut next) = (JoinSet::new(), Summary::default(), 0);
    let mut bar = Bar::new(mails);
    loop {
        while sending.len() < WIDTH && next < mails {
            let (messenger, customer) = (messenger.clone(), Customer::number(next));
            next += 1;
            sending.spawn(async move {
                let sent = messenger.send(customer.mail()?).await;
                Ok::<_, tidings::Error>((customer, sent))
            });
        }
        let Some(done) = sending.join_next().await else { break };
        let (customer, sent) = done.expect("no task panics")?;
        summary.note(&customer, &sent);
        bar.advance();
    }
    bar.end();
    print!("{summary}");
    println!("The server took {} messages.", taken.load(Ordering::SeqCst));
    Ok(())
}

/// Whom a mail is for.
struct Customer {
    name: String,
    address: String,
    order: usize,
    /// Gets a copy, for some.
    copy: Option<String>,
}

impl Customer {
    fn number(n: usize) -> Self {
        let first = ["Ada", "Blaise", "Chien-Shiung", "Dorothy", "Émilie", "Fatima", "Grace", "Hedy"][n % 8];
        // A few are gone, and a few servers want to be asked again later.
        let local = match n % 500 {
            7 => "gone",
            11 => "greylisted",
            _ => "customer",
        };
        Self {
            name: format!("{first} No. {n}"),
            address: format!("{local}{n}@customers.example"),
            order: 70_000 + n,
            copy: n.is_multiple_of(1_000).then(|| format!("gone.assistant{n}@customers.example")),
        }
    }

    fn mail(&self) -> Result<Email> {
        let (name, order) = (&self.name, self.order);
        let mut mail = Email::builder()
            .from("Corner Shop <shop@example.org>")
            .to(format!("{name} <{}>", self.address))
            .subject(format!("Order {order}: on its way, {name}"))
            .text(format!("Hello {name},\n\nyour order {order} left our shop today.\n\nYour Corner Shop\n"))
            .html(format!("<p>Hello {name},</p><p>your order <b>{order}</b> left our shop today.</p>"));
        if let Some(copy) = &self.copy {
            mail = mail.cc(copy.as_str());
        }
        mail.build()
    }
}

/// What became of the recipients: how many, and the first few of each kind of refusal.
#[derive(Default)]
struct Summary {
    accepted: usize,
    refused: BTreeMap<String, Vec<String>>,
}

impl Summary {
    /// A mail's outcomes are one for each recipient; an error speaks for all of them.
    fn note(&mut self, customer: &Customer, sent: &Result<Sent>) {
        let recipients = std::iter::once(&customer.address).chain(&customer.copy);
        for (index, address) in recipients.enumerate() {
            let error = match sent {
                Ok(sent) => sent.outcomes.get(index).and_then(Outcome::error),
                Err(error) => Some(error),
            };
            match error {
                None => self.accepted += 1,
                Some(error) => {
                    let reason = format!("{} ({})", error.kind(), error.code().unwrap_or("no code"));
                    self.refused.entry(reason).or_default().push(address.clone());
                }
            }
        }
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{:>7} recipients accepted", self.accepted)?;
        for (reason, addresses) in &self.refused {
            let first: Vec<&str> = addresses.iter().take(3).map(String::as_str).collect();
            let more = if addresses.len() > first.len() { ", …" } else { "" };
            writeln!(f, "{:>7} {reason}: {}{more}", addresses.len(), first.join(", "))?;
        }
        Ok(())
    }
}

/// A bar on a terminal, else a line for each tenth.
struct Bar {
    done: usize,
    all: usize,
    drawn: usize,
    begun: tokio::time::Instant,
}

impl Bar {
    fn new(all: usize) -> Self {
        Self { done: 0, all, drawn: 0, begun: tokio::time::Instant::now() }
    }

    fn advance(&mut self) {
        self.done += 1;
        let steps = if std::io::stderr().is_terminal() { 100 } else { 10 };
        let step = self.done * steps / self.all;
        if step > self.drawn {
            self.drawn = step;
            self.draw();
        }
    }

    fn draw(&self) {
        let rate = self.done as f64 / self.begun.elapsed().as_secs_f64();
        let filled = self.done * 40 / self.all;
        let bar = "#".repeat(filled) + &"-".repeat(40 - filled);
        let (start, end) = if std::io::stderr().is_terminal() { ("\r", "") } else { ("", "\n") };
        eprint!("{start}[{bar}] {}/{} {rate:.0} a second {end}", self.done, self.all);
        // A bar that is not seen is no reason to stop.
        let _ = std::io::stderr().flush();
    }

    fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

/// A server that takes mail and forgets it.
async fn start_server(taken: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Who hangs up has ended his session.
            tokio::spawn({
                let taken = Arc::clone(&taken);
                async move { drop(serve(stream, &taken).await) }
            });
        }
    });
    port
}

async fn serve(stream: TcpStream, taken: &AtomicUsize) -> std::io::Result<()> {
    let (mut stream, mut line, mut answers) = (BufReader::new(stream), String::new(), String::new());
    stream.write_all(b"220 smtp_bulk\r\n").await?;
    let (mut recipients, mut content) = (0, false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        if content && line != ".\r\n" {
            continue;
        }
        let answer = if content { "250 2.0.0 Ok: queued as BULK\r\n" } else { answer(&line, recipients) };
        match (content, line.get(..4)) {
            (true, _) => taken.fetch_add(1, Ordering::SeqCst),
            (false, Some("MAIL")) => std::mem::take(&mut recipients),
            (false, Some("RCPT")) if answer.starts_with("250") => std::mem::replace(&mut recipients, 1),
            _ => 0,
        };
        content = answer.starts_with("354");
        answers.push_str(answer);
        if stream.buffer().is_empty() {
            stream.write_all(answers.as_bytes()).await?;
            answers.clear();
        }
    }
}

fn answer(command: &str, recipients: usize) -> &'static str {
    match command.get(..4) {
        Some("EHLO") => "250-smtp_bulk\r\n250-PIPELINING\r\n250 8BITMIME\r\n",
        Some("DATA") if recipients == 0 => "503 5.5.1 no recipients\r\n",
        Some("DATA") => "354 go on\r\n",
        Some("RCPT") if command.contains("<gone") => "550 5.1.1 no such mailbox\r\n",
        Some("RCPT") if command.contains("<greylisted") => "450 4.7.1 greylisted, try again later\r\n",
        _ => "250 2.0.0 ok\r\n",
    }
}
