//! The read half of both stores.

use super::{Twins, script::addresses};
use crate::{
    error::{ErrorKind, Result},
    id::{MessageId, TenantId},
    message::Channel,
    storage::{ActRecord, Filter, Page, Scope, Tracked},
    time::Clock,
};

/// More than any script makes.
const ALL: usize = 100_000;

fn told<T>(answer: Result<T>) -> std::result::Result<T, ErrorKind> {
    answer.map_err(|error| error.kind())
}

impl Twins {
    /// After each step: the queue as a whole, one list, and what happened to a few messages.
    pub(super) async fn look_at_some(&mut self) {
        let filter = self.script.filter(self.clock.now());
        let cursor = self.script.some_made(1).pop();
        let page = cursor.map_or(Page::first(9), |(_, last)| Page::after(last, 9));
        self.list(&Scope::All, &filter, page).await;
        self.numbers().await;
        for (tenant, id) in self.script.some_made(3) {
            self.message(&tenant, id).await;
        }
    }

    pub(super) async fn look_at_all(&mut self) {
        self.list(&Scope::All, &Filter::new(), Page::first(ALL)).await;
        for (tenant, id) in self.script.made.clone() {
            self.message(&tenant, id).await;
        }
        for tenant in [TenantId::DEFAULT].into_iter().chain("b".parse()).chain("c".parse()) {
            self.list(&Scope::Tenant(tenant.clone()), &Filter::new(), Page::first(ALL)).await;
            self.suppressed(&tenant).await;
        }
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) {
        let view = self.view();
        let seen = |answer: Result<Vec<Tracked>>| {
            told(answer).map(|all| all.into_iter().map(|tracked| view.tracked(tracked)).collect::<Vec<_>>())
        };
        let left = seen(self.left.list(scope, filter, page).await);
        let right = seen(self.right.list(scope, filter, page).await);
        self.same(&format!("list of {scope:?}, {filter:?}, {page:?}"), left, right);
    }

    async fn numbers(&self) {
        let view = self.view();
        let scope = Scope::All;
        let (left, right) = (self.left.stats(&scope).await, self.right.stats(&scope).await);
        let seen = |answer| told(answer).map(|stats| view.stats(stats));
        self.same("stats", seen(left), seen(right));
        let (left, right) = (self.left.pauses().await, self.right.pauses().await);
        let sorted = |answer| {
            told(answer).map(|mut pauses: Vec<_>| {
                pauses.sort();
                pauses
            })
        };
        self.same("pauses", sorted(left), sorted(right));
        let (left, right) = (self.left.acts(&scope, 5).await, self.right.acts(&scope, 5).await);
        let seen = |answer: Result<Vec<ActRecord>>| {
            told(answer).map(|acts| acts.into_iter().map(|act| view.act(act)).collect::<Vec<_>>())
        };
        self.same("acts", seen(left), seen(right));
    }

    pub(super) async fn message(&self, tenant: &TenantId, id: MessageId) {
        let view = self.view();
        let seen = |answer: Result<Option<Tracked>>| {
            told(answer).map(|tracked| tracked.map(|tracked| view.tracked(tracked)))
        };
        let (left, right) = (self.left.timeline(tenant, id).await, self.right.timeline(tenant, id).await);
        let events = |answer| told(answer).map(|events| view.timeline(events));
        self.same(&format!("timeline of {id}"), events(left), events(right));
        let (left, right) = (self.left.tracked(tenant, id).await, self.right.tracked(tenant, id).await);
        self.same(&format!("tracked {id}"), seen(left), seen(right));
        let (left, right) = (self.left.tenant_of(id).await, self.right.tenant_of(id).await);
        self.same(&format!("tenant_of {id}"), told(left), told(right));
        let vendor_id = format!("{id}/1");
        let left = self.left.by_vendor_id("vendor", &vendor_id, None).await;
        let right = self.right.by_vendor_id("vendor", &vendor_id, None).await;
        self.same(&format!("by_vendor_id {vendor_id}"), told(left), told(right));
    }

    pub(super) async fn suppressed(&self, tenant: &TenantId) {
        for channel in [Channel::Sms, Channel::Email, Channel::Push] {
            let left = self.left.suppressed(tenant, channel, &addresses()).await;
            let right = self.right.suppressed(tenant, channel, &addresses()).await;
            self.same(&format!("suppressed on {channel}"), told(left), told(right));
        }
    }
}
