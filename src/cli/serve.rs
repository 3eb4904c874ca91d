//! `postern serve`: the service, until a signal ends it. Everything that a person needs to know at start goes to
//! standard error.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::net::TcpListener;

use super::out::{self, Code, Stop};
use super::place::{self, Place};
use super::service::{Service, Signals};
use super::setup;
use crate::app::{App, take_over};
use crate::config::{self, Config};
use crate::telemetry;

/// Options of `postern serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Address and port to listen on; 127.0.0.1:8080 where nothing is configured
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    place: Place,
}

/// Runs the service. Exit code 0 after SIGTERM or SIGINT.
pub(super) fn run(args: &ServeArgs) -> ExitCode {
    out::end(serve(args))
}

fn serve(args: &ServeArgs) -> Result<(), Stop> {
    telemetry::start(telemetry::SERVICE).map_err(|error| Stop::Said(Code::Usage, error.to_string()))?;
    let config = args.place.configuration(args.listen)?;
    let runtime = place::runtime()?;
    let outcome = runtime.block_on(until_signalled(&config));
    // A name that is still being looked up must not hold up the end.
    runtime.shutdown_background();
    outcome
}

async fn until_signalled(config: &Config) -> Result<(), Stop> {
    let mut signals = Signals::take().map_err(Stop::failed)?;
    let listener = listen(config.listen).await?;
    let figures = match config.metrics.listen {
        Some(address) => Some(listen(address).await?),
        None => None,
    };
    // A mailer is made from the master key, which is opened together with everything else.
    let mut refused = None;
    let opened = place::open(config, |vault| {
        place::mailer(config, vault).map_err(|stop| {
            refused = Some(stop);
            crate::app::Error::Internal("[mail] cannot be used".to_owned())
        })
    })
    .await;
    let app = match refused {
        Some(stop) => return Err(stop),
        None => opened?,
    };
    let link = setup::link(&app).await?;
    take_over(&app).await?;
    let mut service = Service::start(Arc::clone(&app), listener).map_err(Stop::failed)?;
    if let Some(figures) = figures {
        service.serve_figures(figures);
    }
    greet(config, &app, service.address, link.as_deref())?;
    let name = signals.wait().await;
    out::say(&format!("{name}: stopping."));
    tokio::select! {
        () = service.stop() => {}
        // Whoever asks twice does not want to wait.
        _ = signals.wait() => return Err(Stop::failed("stopped at once; what was being done is done again at the next start")),
    }
    out::say("Stopped.");
    Ok(())
}

/// Takes the port.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, Stop> {
    TcpListener::bind(address).await.map_err(|error| {
        Stop::failed(format!("cannot listen on {address}: {error}; give another one with --listen ADDRESS:PORT"))
    })
}

fn greet(config: &Config, app: &App, address: SocketAddr, link: Option<&str>) -> Result<(), Stop> {
    let data = std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone());
    out::say(&format!("Postern {} answers on http://{address}", env!("CARGO_PKG_VERSION")));
    out::say(&format!("  Public URL:    {}", config.public_url));
    out::say(&format!("  Data folder:   {}", data.display()));
    out::say(&format!("  Database:      {}", app.db.kind()));
    if let Some(address) = config.metrics.listen {
        out::say(&format!("  Metrics:       http://{address}/metrics"));
    }
    out::say(&match &config.file {
        Some(file) => format!("  Configuration: {}", file.display()),
        None => format!(
            "  Configuration: no file was read (looked for --config, POSTERN_CONFIG and {})",
            config::DEFAULT_FILE
        ),
    });
    out::say(&format!("  Mail:          {}", app.mailer.describe()));
    match link {
        Some(link) => {
            out::say("No administrator exists yet. This link works once and makes the first one:");
            out::say(&format!("  {link}"));
            out::say(&format!("  (also in {})", data.join(setup::LINK_FILE).display()));
        }
        None => setup::forget_link(app)?,
    }
    Ok(())
}
