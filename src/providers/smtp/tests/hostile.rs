//! Faults at every step, and what of many messages arrives whatever happens between.

use super::{
    capture::{Fault, Manners, Seen, Step, capture},
    *,
};

fn message(to: &[&str], text: &str) -> Email {
    let mut builder = Email::builder().from("shop@x.org").subject("s").text(text);
    for address in to {
        builder = builder.to(*address);
    }
    builder.build().expect("valid")
}

async fn send_as(smtp: &Smtp, email: &Email, id: MessageId) -> Result<Receipt> {
    smtp.send(&CallContext::default(), Outgoing::new(email, id, &TenantId::DEFAULT, "k")).await
}

fn id(number: usize) -> MessageId {
    MessageId::new(Timestamp::from_secs(1_000 + i64::try_from(number).expect("small")))
}

fn assert_polite(seen: &Seen) {
    let rudeness = seen.rudeness.lock().expect("no panic");
    assert!(rudeness.is_empty(), "{rudeness:?}");
    assert_eq!(seen.count("NOOP"), 0);
}

/// One fault, then a second message that must go as if nothing had been.
async fn suffer(step: Step, fault: Fault, pipelining: bool, pieces: usize) {
    let about = format!("{fault:?} at {step:?}, pipelining {pipelining}, pieces of {pieces}");
    let manners = Manners { pipelining, pieces, fault: Some((step, fault)), ..Manners::default() };
    let (port, seen) = capture(manners).await;
    // Only silence is waited for; all else has its time, however busy the machine.
    let patience = Duration::from_secs(if fault == Fault::Hang { 1 } else { 30 });
    let smtp = config(port).timeout(patience).build().expect("valid");
    let first = send_as(&smtp, &message(&["a@x.org"], "the first"), id(1)).await;
    let second = message(&["b@x.org"], "the second");
    let after = match (fault, send_as(&smtp, &second, id(2)).await) {
        // Of two answers the second is noticed when it comes, by whoever is there.
        (Fault::Twice, Err(error)) if error.certainty() == Certainty::NotSent => {
            send_as(&smtp, &second, id(2)).await
        }
        (_, after) => after,
    };
    assert_eq!(after.expect(&about).accepted_count(), 1, "{about}");
    let kept = seen.kept.lock().expect("no panic").clone();
    let (last, before) = kept.split_last().expect("kept");
    assert_eq!(last.recipients, ["b@x.org"], "{about}");
    assert!(last.content.ends_with("\r\n\r\nthe second\r\n"), "{about}: {:?}", last.content);
    let after_the_dot = step == Step::Dot && matches!(fault, Fault::Close | Fault::Hang | Fault::Nonsense);
    match (&first, fault) {
        // Nobody can tell which answer is which, but nothing is called not sent that was.
        (Ok(_), Fault::Twice) => assert_eq!(before.len(), 1, "{about}"),
        (Err(error), Fault::Twice) if error.certainty() == Certainty::Unknown => {}
        (Err(error), _) if after_the_dot => {
            assert_eq!(error.certainty(), Certainty::Unknown, "{about}: {error}")
        }
        (Err(error), _) => {
            assert_eq!(error.certainty(), Certainty::NotSent, "{about}: {error}");
            // The one that says no by 421 to a content that it has kept is not to be helped.
            assert!(
                before.is_empty() || (step, fault) == (Step::Dot, Fault::Farewell),
                "{about}: {before:?}"
            );
        }
        (Ok(_), _) => panic!("{about}: taken"),
    }
    if fault != Fault::Twice {
        assert_polite(&seen);
    }
}

#[tokio::test]
async fn every_fault_at_every_step_ends_in_the_right_certainty() {
    use Fault::{Close, Farewell, Hang, Nonsense, Twice};
    use Step::{Data, Dot, Greeting, Hello, Mail, Recipient};
    let mut all = Vec::new();
    for step in [Greeting, Hello, Mail, Recipient, Data, Dot] {
        for fault in [Close, Farewell, Hang, Nonsense, Twice] {
            for (pipelining, pieces) in [(true, 1), (true, usize::MAX), (false, 1), (false, usize::MAX)] {
                all.push(tokio::spawn(suffer(step, fault, pipelining, pieces)));
            }
        }
    }
    for one in all {
        one.await.expect("as it should be");
    }
}

#[tokio::test]
async fn more_recipients_than_a_server_takes_go_in_several_transactions() {
    let addresses: Vec<String> = (0..10).map(|n| format!("r{n}@x.org")).collect();
    let to: Vec<&str> = addresses.iter().map(String::as_str).chain(["refused@x.org"]).collect();
    let limited = Manners { recipients: 3, ..Manners::default() };
    let told = Manners { offers: "250-LIMITS RCPTMAX=3\r\n", ..limited.clone() };
    let slowly = Manners { pipelining: false, ..limited.clone() };
    for (manners, most) in [(limited, 100), (told, 100), (slowly, 100), (Manners::default(), 3)] {
        let (port, seen) = capture(manners).await;
        let smtp = config(port).timeout(Duration::from_secs(5)).max_recipients(most).build().expect("valid");
        let receipt = send_as(&smtp, &message(&to, "t"), id(1)).await.expect("sent");
        assert_eq!(receipt.accepted_count(), 10);
        assert_eq!(receipt.outcomes[10].error().and_then(Error::field), Some("to[10]"));
        let kept = seen.kept.lock().expect("no panic").clone();
        let mut taken: Vec<_> = kept.iter().flat_map(|kept| kept.recipients.clone()).collect();
        taken.sort();
        assert_eq!(taken, addresses);
        assert!(kept.len() >= 4 && kept.iter().all(|one| one.recipients.len() <= 3), "{}", kept.len());
        assert!(kept.iter().all(|one| one.content == kept[0].content && one.sender == "shop@x.org"));
        assert_polite(&seen);
    }
}

#[tokio::test]
async fn nobody_accepted_and_a_server_that_waits_for_a_content() {
    for lax in [false, true] {
        let (port, seen) = capture(Manners { lax, ..Manners::default() }).await;
        let smtp = config(port).timeout(Duration::from_secs(5)).build().expect("valid");
        for _ in 0..2 {
            let refused = send_as(&smtp, &message(&["refused@x.org"], "t"), id(1)).await;
            assert_eq!(refused.expect_err("refused").kind(), ErrorKind::InvalidRecipient);
        }
        assert!(send_as(&smtp, &message(&["a@x.org"], "t"), id(2)).await.is_ok());
        assert_eq!((seen.count("EHLO"), seen.kept.lock().expect("no panic").len()), (1, 1));
        // A dot ends a message as well as RSET does.
        assert_eq!(seen.count("RSET"), if lax { 0 } else { 2 });
        assert_polite(&seen);
    }
}

#[tokio::test]
async fn a_message_larger_than_the_server_takes_is_not_begun() {
    let (port, seen) = capture(Manners { offers: "250-SIZE 2000\r\n", ..Manners::default() }).await;
    let smtp = config(port).timeout(Duration::from_secs(5)).build().expect("valid");
    let large = "a line of some length\n".repeat(100);
    let error = send_as(&smtp, &message(&["a@x.org"], &large), id(1)).await.expect_err("too large");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::PayloadTooLarge, Certainty::NotSent));
    assert!(error.message().contains("2000"), "{error}");
    assert!(send_as(&smtp, &message(&["a@x.org"], "t"), id(2)).await.is_ok());
    assert_eq!((seen.count("EHLO"), seen.count("MAIL")), (1, 1), "the connection serves the next");
}

#[tokio::test]
async fn connections_are_limited_and_whoever_waits_gets_a_turn() {
    let (port, seen) = capture(Manners { slow: Duration::from_millis(5), ..Manners::default() }).await;
    let smtp = config(port).timeout(Duration::from_secs(5)).max_connections(2).build().expect("valid");
    let smtp = std::sync::Arc::new(smtp);
    let sending: Vec<_> = (0..40)
        .map(|n| {
            let smtp = std::sync::Arc::clone(&smtp);
            tokio::spawn(async move { send_as(&smtp, &message(&["a@x.org"], "t"), id(n)).await })
        })
        .collect();
    for sent in sending {
        assert_eq!(sent.await.expect("no panic").expect("sent").accepted_count(), 1);
    }
    assert_eq!(seen.most_open.load(std::sync::atomic::Ordering::SeqCst), 2);
    assert_eq!((seen.count("EHLO"), seen.count("MAIL")), (2, 40));
    assert_polite(&seen);
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_word() {
    let (port, seen) = capture(Manners::default()).await;
    let smtp = config(port).timeout(Duration::from_secs(5)).idle_timeout(Duration::from_millis(50));
    let smtp = smtp.build().expect("valid");
    for round in 1..=2 {
        assert!(send_as(&smtp, &message(&["a@x.org"], "t"), id(round)).await.is_ok());
        let quit = async {
            while seen.count("QUIT") < round {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), quit).await.expect("a goodbye");
    }
    assert_eq!(seen.count("EHLO"), 2);
}

#[tokio::test]
async fn whoever_is_aboard_of_a_slow_answer_goes_another_way() {
    let (port, seen) = capture(Manners { slow: Duration::from_millis(1_500), ..Manners::default() }).await;
    let smtp = config(port).timeout(Duration::from_secs(9)).max_connections(1).build().expect("valid");
    let (first, second) = (message(&["a@x.org"], "one"), message(&["b@x.org"], "two"));
    let (first, second) = tokio::join!(send_as(&smtp, &first, id(1)), send_as(&smtp, &second, id(2)));
    assert_eq!((first.expect("sent").accepted_count(), second.expect("sent").accepted_count()), (1, 1));
    // What was written ahead came to nothing, on a connection that ended.
    assert_eq!((seen.count("EHLO"), seen.count("MAIL"), seen.count("DATA")), (2, 3, 3));
    assert_eq!(seen.kept.lock().expect("no panic").len(), 2);
}

/// What is sent, and what a sender was told of it.
struct Case {
    id: MessageId,
    to: Vec<String>,
    told: Option<Result<Receipt>>,
}

/// Many messages, some refused in part, some given up half-way, over few connections that break at random: what each
/// sender is told is what happened.
async fn muddle(manners: Manners, seed: u64) {
    let about = format!("seed {seed}, pipelining {}, pieces of {}", manners.pipelining, manners.pieces);
    let breaks = manners.cuts > 0;
    let (port, seen) = capture(manners).await;
    let smtp = config(port).timeout(Duration::from_secs(5)).max_connections(3).max_recipients(4);
    let smtp = std::sync::Arc::new(smtp.build().expect("valid"));
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut lanes = Vec::new();
    for lane in 0..8 {
        let (smtp, mut dice) = (std::sync::Arc::clone(&smtp), dice.fork());
        lanes.push(tokio::spawn(async move {
            let mut cases = Vec::new();
            for number in 0..25 {
                cases.push(one_of_many(&smtp, &mut dice, id(lane * 1_000 + number)).await);
            }
            cases
        }));
    }
    let mut cases = Vec::new();
    for lane in lanes {
        cases.extend(lane.await.expect("no panic"));
    }
    drop(smtp);
    let taken = seen.taken();
    let mut accepted = 0;
    for case in &cases {
        accepted += check_case(case, &taken, breaks, &about);
    }
    assert!(accepted > 30, "{about}: {accepted} were accepted");
    let all: Vec<_> = seen.kept.lock().expect("no panic").clone();
    for kept in all {
        let (head, body) = kept.content.split_once("\r\n\r\n").expect("a header");
        let number = body.lines().next().unwrap_or_default();
        assert!(head.contains(&format!("<{number}.")), "{about}: {head} with {number}");
        assert!(body.ends_with("the end\r\n") && body.matches("the end").count() == 1, "{about}: {body:?}");
    }
    assert_polite(&seen);
}

async fn one_of_many(smtp: &Smtp, dice: &mut fastrand::Rng, id: MessageId) -> Case {
    let names = ["refused", "grey", "a", "b", "c", "d", "e"];
    let to: Vec<String> =
        (0..dice.usize(1..9)).map(|n| format!("{}{n}@x.org", names[dice.usize(..names.len())])).collect();
    let odd = [
        "",
        "spam-marker\n",
        "later-marker\n",
        ".\n",
        "\r\n.\r\n",
        "\n.\nMAIL FROM:<evil@y.org>\n",
        "..\r.\r",
    ];
    let odd: String = (0..dice.usize(..3)).map(|_| odd[dice.usize(..odd.len())]).collect();
    let text = format!("{id}\n{odd}{}\nthe end", "filling\n".repeat(dice.usize(..2_000)));
    let addresses: Vec<&str> = to.iter().map(String::as_str).collect();
    let mut email = message(&addresses, &text);
    if dice.u8(..10) == 0 {
        email.from = Some("bad@x.org".parse().expect("valid"));
    }
    let sending = send_as(smtp, &email, id);
    let told = match dice.u8(..8) {
        0 => tokio::time::timeout(Duration::from_micros(dice.u64(..3_000)), sending).await.ok(),
        _ => Some(sending.await),
    };
    Case { id, to, told }
}

/// Holds what was told against what was taken; answers how many were accepted.
fn check_case(
    case: &Case,
    taken: &std::collections::HashMap<(String, String), usize>,
    breaks: bool,
    about: &str,
) -> usize {
    let mut accepted = 0;
    for (index, address) in case.to.iter().enumerate() {
        let times = taken.get(&(case.id.to_string(), address.clone())).copied().unwrap_or_default();
        let outcome = match &case.told {
            None => None,
            Some(Ok(receipt)) => Some(receipt.outcomes[index].error().map(Error::certainty)),
            Some(Err(error)) => Some(Some(error.certainty())),
        };
        let fits = match outcome {
            Some(None) => times == 1,
            Some(Some(Certainty::NotSent)) => times == 0,
            Some(Some(Certainty::Unknown)) => breaks && times <= 1,
            None => times <= 1,
        };
        assert!(
            fits,
            "{about}: {address} of {} was taken {times} times, told {outcome:?} {:?}",
            case.id, case.told
        );
        accepted += usize::from(outcome == Some(None));
    }
    accepted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_what_happened() {
    for seed in 0..3 {
        for (pipelining, pieces) in [(true, usize::MAX), (true, 3), (false, usize::MAX)] {
            for cuts in [0, 60] {
                muddle(Manners { pipelining, pieces, cuts, recipients: 5, ..Manners::default() }, seed).await;
            }
        }
    }
}

/// Reads the beginning of a content, says no and stops to read.
async fn enough(stream: TcpStream, said: &'static str) {
    let mut stream = BufReader::new(stream);
    let _ = stream.write_all(b"220 small\r\n").await;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        let answer = match line.get(..4) {
            Some("EHLO") => "250-small\r\n250 PIPELINING\r\n",
            Some("DATA") => "354 go\r\n",
            Some("Date") => said,
            _ => "250 ok\r\n",
        };
        let _ = stream.write_all(answer.as_bytes()).await;
        if line.starts_with("Date") {
            // The client fills the system's buffers until it hears us.
            tokio::time::sleep(Duration::from_millis(300)).await;
            return;
        }
    }
}

#[tokio::test]
async fn a_no_in_the_middle_of_a_content_is_heard_and_certain() {
    let long = "a line of some length, over and over again\n".repeat(400_000);
    let table = [
        ("552 5.3.4 too much\r\n", ErrorKind::PayloadTooLarge),
        ("421 4.3.2 closing\r\n", ErrorKind::Unavailable),
        ("", ErrorKind::Transport),
        ("250 2.0.0 thanks\r\n", ErrorKind::Protocol),
    ];
    for (said, kind) in table {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                enough(stream, said).await;
            }
        });
        let smtp = config(port).timeout(Duration::from_secs(5)).build().expect("valid");
        let error = send_as(&smtp, &message(&["a@x.org"], &long), id(1)).await.expect_err("refused");
        // The dot was never sent.
        assert_eq!((error.kind(), error.certainty()), (kind, Certainty::NotSent), "{said}: {error}");
    }
}

/// What a client hears before TLS may be anybody's.
#[tokio::test]
async fn what_was_said_before_tls_is_forgotten() {
    let go = "220 go\r\n250-evil\r\n250 AUTH PLAIN LOGIN\r\n235 welcome";
    let script = vec![Say("220 fake"), Say("250-fake\r\n250 STARTTLS"), Say(go)];
    let (port, heard) = serve(vec![script]).await;
    let smtp = config(port).tls(SmtpTls::StartTls).login("user", "hunter2").build().expect("valid");
    let error = send(&smtp, &email()).await.expect_err("no TLS there");
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Transport), "{error}");
    assert_eq!(error.certainty(), Certainty::NotSent);
    drop(smtp);
    let heard = heard.await.expect("no panic");
    assert_eq!(heard[..2], ["EHLO [127.0.0.1]\r\n", "STARTTLS\r\n"]);
    // Then comes a handshake, and nothing else.
    let rest = heard[2..].concat();
    assert!(!rest.contains("AUTH") && !rest.contains("EHLO") && !rest.contains("MAIL"), "{rest:?}");
}

/// Whatever a server says, nobody panics, and what was not begun was not sent.
#[tokio::test]
async fn any_answers_at_all_end_in_an_outcome() {
    const PIECES: &[&str] = &[
        "220 hi\r\n",
        "250 ok\r\n",
        "250-more\r\n",
        "354 go\r\n",
        "421 bye\r\n",
        "550 5.1.1 no\r\n",
        "452 4.5.3 many\r\n",
        "\r\n",
        "\n",
        "250",
        "-",
        " PIPELINING\r\n",
        "250-SIZE 1\r\n",
        "334 \r\n",
        "235 in\r\n",
        "\u{fffd}\0",
        "999 x\r\n",
        "25",
        "220 hi\r\n250-x\r\n250 PIPELINING\r\n",
        "250 a\r\n250 b\r\n354 c\r\n",
    ];
    for seed in 0..300 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let said: String = (0..dice.usize(1..14)).map(|_| PIECES[dice.usize(..PIECES.len())]).collect();
        let begun = said.contains("354");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(said.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        let smtp = config(port).build().expect("valid");
        let sent = send_as(&smtp, &message(&["a@x.org", "b@x.org"], "t"), id(1)).await;
        if let Err(error) = sent {
            assert!(begun || error.certainty() == Certainty::NotSent, "seed {seed}: {error}");
        }
    }
}
