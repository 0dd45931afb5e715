//! Who is asked how often: credentials and transports that count.

use std::sync::Arc;

use async_trait::async_trait;
use mockall::{Sequence, mock, predicate::eq};
use secrecy::SecretString;

use super::*;
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind},
    secret::{Credential, CredentialSource, Issued},
    testing::answer,
};

mock! {
    #[derive(Debug)]
    Vault {}

    #[async_trait]
    impl CredentialSource for Vault {
        async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>>;
    }
}

mock! {
    #[derive(Debug)]
    Server {}

    #[async_trait]
    impl HttpTransport for Server {
        async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse>;
    }
}

/// Gives out `token-1`, `token-2` and so on, as often as `times` and no oftener.
fn vault(times: usize) -> Credential {
    let (mut vault, mut issued) = (MockVault::new(), 0);
    vault.expect_fetch().times(times).returning(move |_| {
        issued += 1;
        Ok(Issued { value: format!("token-{issued}").into(), expires: None })
    });
    Credential::fetched(vault)
}

/// Expects these tokens, one a request, and answers with these statuses and an echo of what it got.
fn server(requests: &[(&str, u16)]) -> CallContext {
    let (mut server, mut order) = (MockServer::new(), Sequence::new());
    for (token, status) in requests {
        let (token, status) = ((*token).to_owned(), *status);
        let echo = format!("wrong: {token}");
        server
            .expect_send()
            .withf(move |request, _| request.headers()["authorization"] == format!("Bearer {token}"))
            .times(1)
            .in_sequence(&mut order)
            .returning(move |_, _| Ok(answer(status, &[], echo.clone())));
    }
    CallContext::default().with_http(Arc::new(server))
}

fn request(token: &SecretString) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(bytes::Bytes::new());
    request.headers_mut().insert("authorization", secret_header("Bearer ", token)?);
    Ok(request)
}

#[tokio::test]
async fn a_401_renews_the_credential_once_and_repeats_the_call_once() {
    let cx = server(&[("token-1", 401), ("token-2", 200)]);
    let answer = call_with(&cx, &vault(2), request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let cx = server(&[("token-1", 401), ("token-2", 401)]);
    let answer = call_with(&cx, &vault(2), request).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (401, &b"wrong: ***"[..]));
}

#[tokio::test]
async fn a_fixed_credential_is_not_tried_again() {
    let cx = server(&[("token-1", 401)]);
    let answer = call_with(&cx, &Credential::from("token-1"), request).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (401, &b"wrong: ***"[..]));
}

#[tokio::test]
async fn other_statuses_renew_nothing_and_repeat_nothing() {
    for status in [200, 302, 400, 403, 407, 429, 500, 503] {
        let answer = call_with(&server(&[("token-1", status)]), &vault(1), request).await.expect("an answer");
        assert_eq!(answer.status(), status);
        assert_eq!(answer.status().is_success(), answer.body() == "wrong: token-1", "{status} is blotted");
    }
}

#[tokio::test]
async fn a_failing_call_is_not_repeated() {
    let mut server = MockServer::new();
    server.expect_send().times(1).returning(|_, _| Err(Error::new(ErrorKind::Transport, "lost")));
    let cx = CallContext::default().with_http(Arc::new(server));
    let error = call_with(&cx, &vault(1), request).await.expect_err("lost");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, Certainty::Unknown));
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let mut vault = MockVault::new();
    vault.expect_fetch().times(1).returning(|_| Err(Error::new(ErrorKind::Timeout, "no vault")));
    let mut server = MockServer::new();
    server.expect_send().never();
    let cx = CallContext::default().with_http(Arc::new(server));
    let error = call_with(&cx, &Credential::fetched(vault), request).await.expect_err("no credential");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Timeout, Certainty::NotSent));
}

#[tokio::test]
async fn a_call_may_take_what_is_left_until_the_deadline() {
    let clock = crate::testing::ManualClock::at(crate::time::Timestamp::default());
    let mut server = MockServer::new();
    let left = Some(Duration::from_secs(5));
    server
        .expect_send()
        .with(mockall::predicate::always(), eq(left))
        .times(1)
        .returning(|_, _| Ok(answer(200, &[], "")));
    let cx = CallContext::new(Arc::new(clock)).with_http(Arc::new(server));
    let deadline = cx.clock().monotonic() + Duration::from_secs(5);
    call_with(&cx.with_deadline(deadline), &Credential::from("k"), request).await.expect("an answer");
}
