//! A running service: the router on a listener and the workers beside it, stopped in order. `serve` and the demo run
//! the same one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::app::App;
use crate::{web, worker};

/// How long requests, then workers, then the database may take to finish after a stop. What a worker is torn from is
/// done again when its lease has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running service.
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
    app: Arc<App>,
    stop: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
    workers: JoinSet<()>,
}

impl Service {
    /// Starts answering on the listener and working.
    ///
    /// # Errors
    /// The listener has no address.
    pub fn start(app: Arc<App>, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let workers = worker::start(&app, &stopped);
        let router = web::router(Arc::clone(&app)).into_make_service_with_connect_info::<SocketAddr>();
        let mut ended = stopped;
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            // An error means that the sender is gone, which is a stop too.
            drop(ended.wait_for(|stop| *stop).await);
        });
        Ok(Self { address, app, stop, server: tokio::spawn(server.into_future()), workers })
    }

    /// Answers `/metrics` on a listener of its own, until the service stops.
    pub(super) fn serve_figures(&mut self, listener: TcpListener) {
        let router = web::figures(Arc::clone(&self.app));
        let mut ended = self.stop.subscribe();
        self.workers.spawn(async move {
            let stopped = async move { drop(ended.wait_for(|stop| *stop).await) };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::warn!(%error, "the listener of /metrics failed");
            }
        });
    }

    /// Stops: no further connections, requests are finished, workers end after their present step, the database closes.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.app.closing.send_replace(true);
        finish_requests(self.server).await;
        finish_work(self.workers).await;
        if timeout(PATIENCE, self.app.db.close()).await.is_err() {
            tracing::warn!("the database did not close in time");
        }
    }
}

async fn finish_requests(mut server: JoinHandle<io::Result<()>>) {
    let Ok(ended) = timeout(PATIENCE, &mut server).await else {
        tracing::warn!("requests that did not end in time were cut off");
        server.abort();
        return;
    };
    if let Err(error) = ended.map_err(io::Error::other).flatten() {
        tracing::warn!(%error, "the listener failed");
    }
}

async fn finish_work(mut workers: JoinSet<()>) {
    let ended = timeout(PATIENCE, async { while workers.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::warn!("workers that did not end in time were cut off; what they did is done again");
        workers.shutdown().await;
    }
}

/// The signals that end a service.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes the signals over from here on.
    pub(super) fn take() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one, and names it.
    pub(super) async fn wait(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
