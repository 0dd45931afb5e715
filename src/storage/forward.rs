//! What wraps a store changes a few of its methods, and forwards the others by name.

/// Forwards methods of [`Messages`](crate::storage::Messages) to a part of `self`, in an `impl` of
/// one's own beside the methods that do something else.
///
/// ```
/// use tidings::{Result, storage::{MemoryStore, Messages, Retention}};
///
/// /// Keeps everything for ever.
/// #[derive(Debug)]
/// struct Archive {
///     store: MemoryStore,
/// }
///
/// #[async_trait::async_trait]
/// impl Messages for Archive {
///     async fn prune(&self, _: &Retention) -> Result<u64> {
///         Ok(0)
///     }
///
///     tidings::forward_messages! { [self.store]
///         record enqueue claim start begin renew settle cancel append_events act pause resume
///         tracked timeline list stats acts pauses by_vendor_id tenant_of dialect wake woken
///     }
/// }
/// ```
///
/// A forwarded call costs what the call itself costs: its future is handed through.
#[macro_export]
macro_rules! forward_messages {
    ([self $($to:tt)*] $($method:ident)*) => {
        $crate::__forward_messages! { [$($to)*] $($method)* }
    };
}

/// One method after the other; not part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __forward_messages {
    ($to:tt) => {};
    ($to:tt $method:ident $($others:ident)*) => {
        $crate::__forward_message! { $to $method }
        $crate::__forward_messages! { $to $($others)* }
    };
}

/// The methods in the form that `async_trait` gives them; not part of the public API.
#[doc(hidden)]
#[macro_export]
macro_rules! __forward_message {
    ($to:tt record) => {
        $crate::__forward_message! { @as $to record<'life0>(
            messages: ::std::vec::Vec<($crate::storage::Record, ::std::vec::Vec<$crate::Event>)>
        ) -> $crate::Result<()> }
    };
    ($to:tt enqueue) => {
        $crate::__forward_message! { @as $to enqueue<'life0>(
            entries: ::std::vec::Vec<$crate::storage::Entry>
        ) -> $crate::Result<::std::vec::Vec<$crate::Result<$crate::storage::Enqueued>>> }
    };
    ($to:tt claim) => {
        $crate::__forward_message! { @as $to claim<'life0, 'life1>(
            claim: &'life1 $crate::storage::Claim
        ) -> $crate::Result<$crate::storage::Claimed> }
    };
    ($to:tt start) => {
        $crate::__forward_message! { @as $to start<'life0, 'life1>(
            leases: &'life1 [$crate::storage::Lease]
        ) -> $crate::Result<::std::vec::Vec<$crate::Result<u32>>> }
    };
    ($to:tt begin) => {
        $crate::__forward_message! { @as $to begin<'life0, 'life1>(
            last: &'life1 $crate::storage::Lease
        ) -> $crate::Result<()> }
    };
    ($to:tt renew) => {
        $crate::__forward_message! { @as $to renew<'life0, 'life1>(
            leases: &'life1 [$crate::storage::Lease], lease: ::std::time::Duration
        ) -> $crate::Result<::std::vec::Vec<$crate::Result<()>>> }
    };
    ($to:tt settle) => {
        $crate::__forward_message! { @as $to settle<'life0>(
            settlements: ::std::vec::Vec<$crate::storage::Settlement>
        ) -> $crate::Result<::std::vec::Vec<$crate::Result<()>>> }
    };
    ($to:tt cancel) => {
        $crate::__forward_message! { @as $to cancel<'life0, 'life1, 'life2>(
            tenant: &'life1 $crate::TenantId, ids: &'life2 [$crate::MessageId]
        ) -> $crate::Result<::std::vec::Vec<$crate::storage::Cancelled>> }
    };
    ($to:tt append_events) => {
        $crate::__forward_message! { @as $to append_events<'life0, 'life1>(
            tenant: &'life1 $crate::TenantId, events: ::std::vec::Vec<$crate::Event>
        ) -> $crate::Result<()> }
    };
    ($to:tt act) => {
        $crate::__forward_message! { @as $to act<'life0, 'life1, 'life2>(
            scope: &'life1 $crate::storage::Scope, act: $crate::storage::Act, filter: &'life2 $crate::storage::Filter, note: ::std::option::Option<::std::sync::Arc<str>>
        ) -> $crate::Result<$crate::storage::ActRecord> }
    };
    ($to:tt pause) => {
        $crate::__forward_message! { @as $to pause<'life0, 'life1>(
            pause: &'life1 $crate::storage::Pause
        ) -> $crate::Result<()> }
    };
    ($to:tt resume) => {
        $crate::__forward_message! { @as $to resume<'life0, 'life1>(
            pause: &'life1 $crate::storage::Pause
        ) -> $crate::Result<()> }
    };
    ($to:tt prune) => {
        $crate::__forward_message! { @as $to prune<'life0, 'life1>(
            retention: &'life1 $crate::storage::Retention
        ) -> $crate::Result<u64> }
    };
    ($to:tt tracked) => {
        $crate::__forward_message! { @as $to tracked<'life0, 'life1>(
            tenant: &'life1 $crate::TenantId, id: $crate::MessageId
        ) -> $crate::Result<::std::option::Option<$crate::storage::Tracked>> }
    };
    ($to:tt timeline) => {
        $crate::__forward_message! { @as $to timeline<'life0, 'life1>(
            tenant: &'life1 $crate::TenantId, id: $crate::MessageId
        ) -> $crate::Result<::std::vec::Vec<$crate::Event>> }
    };
    ($to:tt list) => {
        $crate::__forward_message! { @as $to list<'life0, 'life1, 'life2>(
            scope: &'life1 $crate::storage::Scope, filter: &'life2 $crate::storage::Filter, page: $crate::storage::Page
        ) -> $crate::Result<::std::vec::Vec<$crate::storage::Tracked>> }
    };
    ($to:tt stats) => {
        $crate::__forward_message! { @as $to stats<'life0, 'life1>(
            scope: &'life1 $crate::storage::Scope
        ) -> $crate::Result<$crate::storage::QueueStats> }
    };
    ($to:tt acts) => {
        $crate::__forward_message! { @as $to acts<'life0, 'life1>(
            scope: &'life1 $crate::storage::Scope, limit: usize
        ) -> $crate::Result<::std::vec::Vec<$crate::storage::ActRecord>> }
    };
    ($to:tt pauses) => {
        $crate::__forward_message! { @as $to pauses<'life0>(

        ) -> $crate::Result<::std::vec::Vec<$crate::storage::Pause>> }
    };
    ($to:tt by_vendor_id) => {
        $crate::__forward_message! { @as $to by_vendor_id<'life0, 'life1, 'life2, 'life3>(
            provider: &'life1 str, vendor_id: &'life2 str, recipient: ::std::option::Option<&'life3 str>
        ) -> $crate::Result<::std::option::Option<($crate::TenantId, $crate::DeliveryId)>> }
    };
    ($to:tt tenant_of) => {
        $crate::__forward_message! { @as $to tenant_of<'life0>(
            id: $crate::MessageId
        ) -> $crate::Result<::std::option::Option<$crate::TenantId>> }
    };
    ($to:tt wake) => {
        $crate::__forward_message! { @as $to wake<'life0>() -> $crate::Result<()> }
    };
    ($to:tt woken) => {
        $crate::__forward_message! { @as $to woken<'life0>() -> () }
    };
    ($to:tt dialect) => {
        $crate::__forward_dialect! { $to }
    };
    ($to:tt $other:ident) => {
        ::std::compile_error!(::std::concat!("`Messages` has no method `", ::std::stringify!($other), "`"));
    };
    (@as [$($to:tt)*] $name:ident<$($life:lifetime),*>($($arg:ident: $type:ty),*) -> $answer:ty) => {
        fn $name<$($life,)* 'async_trait>(
            &'life0 self,
            $($arg: $type),*
        ) -> ::std::pin::Pin<
            ::std::boxed::Box<dyn ::std::future::Future<Output = $answer> + ::std::marker::Send + 'async_trait>,
        >
        where
            $($life: 'async_trait,)*
            Self: 'async_trait,
        {
            #[allow(unused_imports)]
            use $crate::storage::Messages as _;
            self $($to)*.$name($($arg),*)
        }
    };
}

/// The method that is there with stores over SQL only; not part of the public API.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __forward_dialect {
    ([$($to:tt)*]) => {
        fn dialect(&self) -> ::std::option::Option<$crate::storage::Dialect> {
            #[allow(unused_imports)]
            use $crate::storage::Messages as _;
            self $($to)*.dialect()
        }
    };
}

/// The method that is not there without stores over SQL; not part of the public API.
#[cfg(not(any(feature = "sqlite", feature = "postgres")))]
#[doc(hidden)]
#[macro_export]
macro_rules! __forward_dialect {
    ($to:tt) => {};
}
