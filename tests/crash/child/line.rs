//! The child's line to the parent.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

use crate::fact::{Fact, Hand, Line, Orders, Point, Told};

/// Says things to the parent, in one write each: what was said before death is heard.
#[derive(Debug)]
pub(crate) struct Mouth {
    stream: Mutex<UnixStream>,
    calls: AtomicU64,
    asked: Mutex<HashMap<u64, oneshot::Sender<Told>>>,
    /// The point at which to wait for a blow, and how many passes are left until then.
    point: Mutex<Option<(Point, u32)>>,
}

impl Mouth {
    /// Calls the parent.
    pub(crate) fn open(orders: &Orders) -> Arc<Self> {
        let mut stream = UnixStream::connect(&orders.sink).expect("the parent listens");
        writeln!(stream, "{}", orders.who).expect("the parent listens");
        let ear = stream.try_clone().expect("a second handle");
        let (stream, point) = (Mutex::new(stream), Mutex::new(orders.point));
        let mouth = Arc::new(Self { stream, calls: AtomicU64::new(1), asked: Mutex::default(), point });
        let listener = mouth.clone();
        std::thread::spawn(move || listener.listen(ear));
        mouth
    }

    /// Says something.
    pub(crate) fn say(&self, fact: Fact) {
        self.write(0, fact);
    }

    /// Hands a message over; true if the vendor takes it.
    pub(crate) async fn hand(&self, hand: Hand) -> bool {
        let answer = self.ask(Fact::Handed(hand)).await;
        matches!(answer, Ok(Told::Verdict { took: true, .. }))
    }

    /// Waits here if this is the point, and the pass, at which the parent wants to strike.
    pub(crate) async fn pass(&self, here: Point) {
        if self.is_struck_at(here) {
            let _ = self.ask(Fact::At(here)).await;
        }
    }

    /// The same, with the thread blocked: nobody can take the caller's future away meanwhile.
    pub(crate) fn pass_blocked(&self, here: Point) {
        if self.is_struck_at(here) {
            let go = self.ask(Fact::At(here));
            let _ = tokio::task::block_in_place(|| go.blocking_recv());
        }
    }

    fn is_struck_at(&self, here: Point) -> bool {
        let mut armed = locked(&self.point);
        match &mut *armed {
            Some((point, left)) if *point == here => {
                *left = left.saturating_sub(1);
                let struck = *left == 0;
                if struck {
                    *armed = None;
                }
                struck
            }
            _ => false,
        }
    }

    fn ask(&self, fact: Fact) -> oneshot::Receiver<Told> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let (send, answer) = oneshot::channel();
        locked(&self.asked).insert(call, send);
        self.write(call, fact);
        answer
    }

    fn write(&self, call: u64, fact: Fact) {
        let mut line = serde_json::to_vec(&Line { call, fact }).expect("plain data");
        line.push(b'\n');
        let mut stream = locked(&self.stream);
        stream.write_all(&line).expect("the parent listens");
    }

    fn listen(&self, ear: UnixStream) {
        for line in BufReader::new(ear).lines().map_while(Result::ok) {
            let Ok(told) = serde_json::from_str::<Told>(&line) else { continue };
            if let Told::Arm { point, pass } = told {
                *locked(&self.point) = Some((point, pass));
            }
            let asked = locked(&self.asked).remove(&told.call());
            if let Some(asked) = asked {
                let _ = asked.send(told);
            }
        }
        // Nobody is left who would end us.
        std::process::exit(3);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
