//! The same over lettre's connections: the way out for servers with which our own sessions fail.

mod errors;
mod pool;
mod server;

use std::{fmt, sync::Arc};

use lettre::transport::smtp::client::AsyncSmtpConnection;
use secrecy::SecretString;

use self::{pool::Pool, server::Server};
use super::{
    config::{Login, SmtpConfig},
    errors::{RECIPIENT, queue_id},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    provider::Outcome,
    providers::shared::mime::Mail,
};

pub(super) struct OverLettre {
    server: Server,
    login: Option<Login>,
    pool: Pool,
}

impl OverLettre {
    pub(super) fn new(config: &SmtpConfig, login: Option<Login>) -> Result<Self> {
        let pool = Pool::new(config.max_connections, config.idle_timeout);
        Ok(Self { server: Server::new(config)?, login, pool })
    }

    pub(super) async fn check(&self, cx: &CallContext) -> Result<()> {
        let _permit = self.pool.permit(cx).await?;
        let mut connection = self.connect(cx).await?;
        self.server.noop(cx, &mut connection).await?;
        self.pool.park(cx, connection);
        Ok(())
    }

    /// A new connection, logged in; if fetched credentials are refused, once more with fresh ones.
    async fn connect(&self, cx: &CallContext) -> Result<AsyncSmtpConnection> {
        let Some(login) = &self.login else { return self.server.connect(cx).await };
        let password = login.password.value(cx).await?;
        match self.connect_as(cx, login, &password).await {
            Err(error) if error.kind() == ErrorKind::Auth => {
                let fresh = login.password.renewed(cx, &password).await?.ok_or(error)?;
                self.connect_as(cx, login, &fresh).await
            }
            connected => connected,
        }
    }

    async fn connect_as(
        &self,
        cx: &CallContext,
        login: &Login,
        password: &SecretString,
    ) -> Result<AsyncSmtpConnection> {
        let mut connection = self.server.connect(cx).await?;
        self.server.log_in(cx, &mut connection, login, password).await?;
        Ok(connection)
    }

    /// A connection on which the server has said yes to the sender.
    async fn begin(&self, cx: &CallContext, mail: &Mail) -> Result<AsyncSmtpConnection> {
        if let Some(mut connection) = self.pool.take(cx) {
            match self.server.begin(cx, &mut connection, mail).await {
                Ok(()) => return Ok(connection),
                // It hung up while nothing was going on.
                Err(error) if hung_up(&error) => self.pool.clear(),
                Err(error) => return Err(error),
            }
        }
        let mut connection = self.connect(cx).await?;
        self.server.begin(cx, &mut connection, mail).await?;
        Ok(connection)
    }

    pub(super) async fn deliver(&self, cx: &CallContext, mail: Mail) -> Result<Vec<Outcome>> {
        let _permit = self.pool.permit(cx).await?;
        let mut connection = self.begin(cx, &mail).await?;
        let mut refused = Vec::with_capacity(mail.recipients.len());
        for address in &mail.recipients {
            let said = self.server.recipient(cx, &mut connection, address).await?;
            refused.push(said.err().map(|error| error.with_field(RECIPIENT)));
        }
        if refused.iter().all(Option::is_some) {
            if self.server.reset(cx, &mut connection).await.is_ok() {
                self.pool.park(cx, connection);
            }
            return Ok(refused.into_iter().flatten().map(Outcome::Refused).collect());
        }
        let said = self.server.content(cx, &mut connection, &mail).await;
        if said.is_ok() {
            self.pool.park(cx, connection);
        }
        Ok(refused.into_iter().map(|error| outcome(error, &said)).collect())
    }
}

fn hung_up(error: &Error) -> bool {
    error.kind() == ErrorKind::Transport || error.code().is_some_and(|code| code.starts_with("421"))
}

fn outcome(refused: Option<Error>, said: &Result<String>) -> Outcome {
    match (refused, said) {
        (Some(error), _) => Outcome::Refused(error),
        (None, Ok(said)) => Outcome::accepted(queue_id(said).map(Arc::from)),
        (None, Err(error)) => Outcome::failed(error.clone()),
    }
}

impl fmt::Debug for OverLettre {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.server.fmt(f)
    }
}
