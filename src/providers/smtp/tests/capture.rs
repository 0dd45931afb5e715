//! A server that keeps what it takes, watches the client's manners, and misbehaves as told.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// Where in a session something goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Data,
    Dot,
    Greeting,
    Hello,
    Mail,
    Recipient,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// The connection ends without an answer.
    Close,
    /// 421, and the connection ends.
    Farewell,
    /// No answer, for ever.
    Hang,
    /// An answer that is none.
    Nonsense,
    /// Two answers.
    Twice,
}

/// What the server is like.
#[derive(Clone)]
pub(super) struct Manners {
    pub(super) pipelining: bool,
    /// Lines of the EHLO answer beside those.
    pub(super) offers: &'static str,
    /// Answers go out in pieces of so many octets.
    pub(super) pieces: usize,
    /// More recipients than these are refused by 452.
    pub(super) recipients: usize,
    /// DATA is taken without recipients.
    pub(super) lax: bool,
    /// Waited before each answer to a content.
    pub(super) slow: Duration,
    /// What goes wrong at the first of these steps.
    pub(super) fault: Option<(Step, Fault)>,
    /// Of so many commands one is the last that its connection hears; 0 is none.
    pub(super) cuts: usize,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            pipelining: true,
            offers: "250-SIZE 100000\r\n",
            pieces: usize::MAX,
            recipients: usize::MAX,
            lax: false,
            slow: Duration::ZERO,
            fault: None,
            cuts: 0,
        }
    }
}

/// A message that was taken.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// As it came, without what the wire adds.
    pub(super) content: String,
}

/// What the server saw.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) kept: Mutex<Vec<Kept>>,
    /// What no client should do.
    pub(super) rudeness: Mutex<Vec<String>>,
    pub(super) commands: Mutex<HashMap<String, usize>>,
    open: AtomicUsize,
    pub(super) most_open: AtomicUsize,
    faults: AtomicUsize,
}

impl Seen {
    fn rude(&self, what: String) {
        self.rudeness.lock().expect("no panic").push(what);
    }

    pub(super) fn count(&self, command: &str) -> usize {
        self.commands.lock().expect("no panic").get(command).copied().unwrap_or_default()
    }

    /// For each message by its id: how often each recipient was taken for.
    pub(super) fn taken(&self) -> HashMap<(String, String), usize> {
        let mut taken = HashMap::new();
        for kept in self.kept.lock().expect("no panic").iter() {
            let id = kept.content.split_once("Message-ID: <").map(|(_, rest)| rest);
            let id = id.and_then(|rest| rest.split('.').next()).unwrap_or_default();
            for recipient in &kept.recipients {
                *taken.entry((id.to_owned(), recipient.clone())).or_default() += 1;
            }
        }
        taken
    }
}

/// Serves until the runtime ends; answers with the port and what it sees.
pub(super) async fn capture(manners: Manners) -> (u16, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let seen = Arc::new(Seen::default());
    let shared = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let open = shared.open.fetch_add(1, Ordering::SeqCst) + 1;
            shared.most_open.fetch_max(open, Ordering::SeqCst);
            let (manners, seen) = (manners.clone(), Arc::clone(&shared));
            tokio::spawn(async move {
                let session = Session {
                    stream: BufReader::new(stream),
                    manners,
                    seen,
                    sender: None,
                    recipients: Vec::new(),
                };
                let seen = session.serve().await;
                seen.open.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (port, seen)
}

struct Session {
    stream: BufReader<TcpStream>,
    manners: Manners,
    seen: Arc<Seen>,
    sender: Option<String>,
    recipients: Vec<String>,
}

impl Session {
    async fn serve(mut self) -> Arc<Seen> {
        let _ = self.stream.get_mut().set_nodelay(true);
        let mut answer = (Step::Greeting, "220 captain\r\n".to_owned());
        while self.say(answer.0, &answer.1).await {
            match self.hear().await {
                Some(next) => answer = next,
                None => break,
            }
        }
        self.seen
    }

    async fn say(&mut self, step: Step, text: &str) -> bool {
        let seen = Arc::clone(&self.seen);
        let first = || seen.faults.fetch_add(1, Ordering::SeqCst) == 0;
        match self.manners.fault.filter(|(at, _)| *at == step && first()) {
            None => self.write(text).await,
            Some((_, Fault::Close)) => false,
            Some((_, Fault::Farewell)) => {
                self.write("421 4.3.2 closing\r\n").await;
                false
            }
            Some((_, Fault::Hang)) => std::future::pending().await,
            Some((_, Fault::Nonsense)) => self.write("<html>200 OK</html>\r\n").await,
            Some((_, Fault::Twice)) => self.write(&text.repeat(2)).await,
        }
    }

    async fn write(&mut self, text: &str) -> bool {
        for piece in text.as_bytes().chunks(self.manners.pieces) {
            if self.stream.write_all(piece).await.is_err() {
                return false;
            }
            if self.manners.pieces < text.len() {
                tokio::task::yield_now().await;
            }
        }
        true
    }

    /// The next command, and what is answered; `None` if the connection ends.
    async fn hear(&mut self) -> Option<(Step, String)> {
        let line = self.line().await?;
        let command = line.trim_end().to_owned();
        let verb = command.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        *self.seen.commands.lock().expect("no panic").entry(verb.clone()).or_default() += 1;
        if !self.stream.buffer().is_empty() && (!self.manners.pipelining || matches!(&*verb, "DATA" | "EHLO"))
        {
            self.seen.rude(format!("something behind {command}"));
        }
        if self.manners.cuts > 0 && fastrand::usize(..self.manners.cuts) == 0 {
            return None;
        }
        Some(match &*verb {
            "DATA" => return self.data().await,
            "EHLO" => (Step::Hello, self.offers()),
            "MAIL" => (Step::Mail, self.mail(&command)),
            "QUIT" => {
                self.write("221 2.0.0 bye\r\n").await;
                return None;
            }
            "RCPT" => (Step::Recipient, self.recipient(&command)),
            "RSET" => {
                self.forget();
                (Step::Mail, "250 2.0.0 forgotten\r\n".to_owned())
            }
            _ => (Step::Mail, "500 5.5.2 what?\r\n".to_owned()),
        })
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.stream.read_until(b'\n', &mut line).await;
        if read.unwrap_or(0) == 0 || !line.ends_with(b"\n") {
            return None;
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        if !line.ends_with("\r\n") || line[..line.len() - 2].contains('\r') || line.len() > 1_000 {
            self.seen.rude(format!("a line such as {line:?}"));
        }
        Some(line)
    }

    fn offers(&self) -> String {
        let pipelining = if self.manners.pipelining { "250-PIPELINING\r\n" } else { "" };
        format!("250-captain\r\n{pipelining}{}250 8BITMIME\r\n", self.manners.offers)
    }

    fn mail(&mut self, command: &str) -> String {
        if self.sender.is_some() {
            self.seen.rude(format!("{command} inside another message"));
            return "503 5.5.1 nested\r\n".to_owned();
        }
        let sender = between(command);
        if sender.starts_with("bad") {
            return "550 5.7.1 not you\r\n".to_owned();
        }
        self.sender = Some(sender);
        "250 2.1.0 ok\r\n".to_owned()
    }

    fn recipient(&mut self, command: &str) -> String {
        let recipient = between(command);
        let said = match recipient.split(|c: char| !c.is_ascii_alphabetic()).next() {
            _ if self.sender.is_none() => "503 5.5.1 no sender",
            Some("refused") => "550 5.1.1 no such user",
            Some("grey") => "450 4.7.1 greylisted",
            _ if self.recipients.len() >= self.manners.recipients => "452 4.5.3 too many recipients",
            _ => {
                self.recipients.push(recipient);
                "250 2.1.5 ok"
            }
        };
        format!("{said}\r\n")
    }

    async fn data(&mut self) -> Option<(Step, String)> {
        if self.recipients.is_empty() && !self.manners.lax {
            return Some((Step::Data, "503 5.5.1 no recipients\r\n".to_owned()));
        }
        if !self.say(Step::Data, "354 go on\r\n").await {
            return None;
        }
        let mut content = String::new();
        loop {
            let line = self.line().await?;
            if line == ".\r\n" {
                break;
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
        }
        tokio::time::sleep(self.manners.slow).await;
        if self.manners.cuts > 0 && fastrand::usize(..self.manners.cuts) == 0 {
            return None;
        }
        let said = match () {
            () if self.recipients.is_empty() => "554 5.5.1 no valid recipients",
            () if content.contains("spam-marker") => "550 5.7.1 spam",
            () if content.contains("later-marker") => "451 4.3.0 later",
            () => {
                self.keep(content);
                "250 2.0.0 Ok: queued as ABC123"
            }
        };
        self.forget();
        if self.manners.cuts > 0 && fastrand::usize(..self.manners.cuts) == 0 {
            return None;
        }
        Some((Step::Dot, format!("{said}\r\n")))
    }

    fn keep(&mut self, content: String) {
        let sender = self.sender.clone().unwrap_or_default();
        let kept = Kept { sender, recipients: self.recipients.clone(), content };
        self.seen.kept.lock().expect("no panic").push(kept);
    }

    fn forget(&mut self) {
        self.sender = None;
        self.recipients.clear();
    }
}

fn between(command: &str) -> String {
    let inner = command.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
