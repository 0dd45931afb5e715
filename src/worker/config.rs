//! How a worker is set up.

use std::{sync::Arc, time::Duration};

use super::{Worker, plan::RetryPlan};
use crate::{
    error::{Error, Result},
    message::Channel,
    messenger::Messenger,
    storage::Scope,
};

/// The values of a worker.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) name: Arc<str>,
    pub(super) scope: Scope,
    pub(super) concurrency: usize,
    pub(super) channels: Vec<(Channel, usize)>,
    pub(super) providers: Vec<(Arc<str>, usize)>,
    pub(super) batch: usize,
    pub(super) prefetch: usize,
    pub(super) lease: Duration,
    pub(super) poll: Duration,
    pub(super) plan: RetryPlan,
}

impl Config {
    /// The most attempts at once of this channel.
    pub(super) fn of(&self, channel: Channel) -> usize {
        let own = self.channels.iter().find(|(named, _)| *named == channel).map(|(_, most)| *most);
        own.unwrap_or(self.concurrency).min(self.concurrency)
    }
}

/// Builds a [`Worker`].
///
/// ```
/// use tidings::{Channel, Messenger, worker::RetryPlan};
/// use std::time::Duration;
///
/// let worker = Messenger::preview()
///     .worker()
///     .concurrency(200)
///     .channel_concurrency(Channel::Sms, 20)
///     .lease(Duration::from_secs(90))
///     .retry(RetryPlan::default().attempts(8))
///     .build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct WorkerBuilder {
    messenger: Messenger,
    config: Config,
    prefetch: Option<usize>,
}

impl WorkerBuilder {
    pub(super) fn new(messenger: Messenger) -> Self {
        let config = Config {
            name: format!("{}-{:08x}", std::process::id(), fastrand::u32(..)).into(),
            scope: Scope::All,
            concurrency: 100,
            channels: Vec::new(),
            providers: Vec::new(),
            batch: 500,
            prefetch: 0,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            plan: RetryPlan::default(),
        };
        Self { messenger, config, prefetch: None }
    }

    /// Its name, for those who watch; the process and a random number if not set.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.config.name = name.into();
        self
    }

    /// Whose messages it sends; those of every tenant if not set.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.config.scope = scope;
        self
    }

    /// How many attempts are under way at once; 100 if not set.
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.config.concurrency = attempts;
        self
    }

    /// How many attempts of this channel are under way at once; as many as of all if not set.
    pub fn channel_concurrency(mut self, channel: Channel, attempts: usize) -> Self {
        self.config.channels.retain(|(known, _)| *known != channel);
        self.config.channels.push((channel, attempts));
        self
    }

    /// How many calls of this provider instance are under way at once. What finds none free goes to
    /// the route's next provider, or comes back later; it holds nobody up.
    pub fn provider_concurrency(mut self, provider: impl Into<Arc<str>>, calls: usize) -> Self {
        let provider = provider.into();
        self.config.providers.retain(|(known, _)| *known != provider);
        self.config.providers.push((provider, calls));
        self
    }

    /// The most messages that one claim takes; 500 if not set.
    pub fn batch(mut self, messages: usize) -> Self {
        self.config.batch = messages;
        self
    }

    /// The most messages of a channel that wait here for a free place, ahead of their time; twice the batch if
    /// not set. It is twice the concurrency at first, and more where messages go fast. If the worker is killed
    /// they return unharmed, but for the few that were about to begin. Those with
    /// [`on_unknown`](crate::OnUnknown) hold or give up never do.
    pub fn prefetch(mut self, messages: usize) -> Self {
        self.prefetch = Some(messages);
        self
    }

    /// How long a lease holds unless it is renewed; a minute if not set. So long a message waits whose
    /// worker was lost. Each attempt ends before its lease can.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.config.lease = lease;
        self
    }

    /// How often to look for work that nobody announced; a second if not set.
    pub fn poll(mut self, interval: Duration) -> Self {
        self.config.poll = interval;
        self
    }

    /// When a message that was not sent is tried again.
    pub fn retry(mut self, plan: RetryPlan) -> Self {
        self.config.plan = plan;
        self
    }

    /// The worker. It does nothing until it is run.
    ///
    /// # Errors
    /// One error of kind `config` that lists everything that is wrong.
    pub fn build(self) -> Result<Worker> {
        let Self { messenger, mut config, prefetch } = self;
        config.prefetch = prefetch.unwrap_or(config.batch.saturating_mul(2));
        match Error::all(faults(&config)) {
            Some(error) => Err(error),
            None => Ok(Worker::new(&messenger, config)),
        }
    }
}

fn faults(config: &Config) -> Vec<Error> {
    let Config { concurrency, batch, lease, poll, .. } = config;
    let mut faults = Vec::new();
    let mut check = |wrong: bool, text: &str| {
        if wrong {
            faults.push(Error::config(text.to_owned()));
        }
    };
    check(*concurrency == 0, "concurrency is zero: nothing could ever be sent; 1 is the least");
    check(*batch == 0, "batch is zero: nothing could ever be claimed; 1 is the least");
    let shares = config.channels.iter().map(|(_, most)| most);
    check(
        shares.chain(config.providers.iter().map(|(_, most)| most)).any(|most| *most == 0),
        "the concurrency of a channel or provider is zero; to stop it, pause it",
    );
    let (least, most) = (Duration::from_secs(1), Duration::from_secs(24 * 3_600));
    check(!(least..=most).contains(lease), "a lease holds between one second and one day");
    check(*poll < Duration::from_millis(5), "poll is shorter than 5 ms: the store would do nothing else");
    faults
}
