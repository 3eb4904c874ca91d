//! What a server's name resolves to, asked beside a test that goes to the address on record: through the tunnel at the
//! customer's own resolver where the tunnel's record names one, else where this machine asks.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::Resolver as Client;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, TokioHandle, TokioTime};
use serde::{Deserialize, Serialize};
use socket2::Protocol;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, timeout_at};

use super::connect::{Failure, bound, connect};
use super::request::ProbeRequest;
use super::resolve::Resolver;
use crate::domain::cause::Cause;
use crate::smtp::report::NameReport;
use crate::smtp::stage::Stage;

/// How long one question waits before it is asked again.
const EACH_TRY: Duration = Duration::from_secs(2);

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUp {
    /// The name on record.
    pub name: String,
    /// The customer's resolver; none for that of this machine.
    pub server: Option<IpAddr>,
}

/// Looks the name of a request up, where it has one.
pub(super) async fn look_up(resolver: &Resolver, request: &Arc<ProbeRequest>) -> Option<NameReport> {
    let wanted = request.look_up.clone()?;
    let deadline = Instant::now() + request.limits.of(Stage::Resolve).min(request.limits.total);
    let found = match wanted.server {
        None => resolver.resolve(&wanted.name, deadline).await,
        Some(server) if !may_ask(request, server) => {
            Err((Cause::ProbeNotRun, format!("the resolver {server} is not behind the tunnel, or is ours")))
        }
        Some(server) => ask(request, &wanted.name, server, deadline).await,
    };
    let (mut addresses, cause) = match found {
        Ok(addresses) => (addresses, None),
        Err((cause, detail)) => {
            tracing::info!(name = wanted.name, detail, "the name of a watched server was not resolved");
            (Vec::new(), Some(cause))
        }
    };
    addresses.sort_unstable();
    Some(NameReport { name: wanted.name, addresses, cause })
}

/// A resolver is asked only where it stands on the customer's side of the tunnel, so that no record leads elsewhere.
fn may_ask(request: &ProbeRequest, server: IpAddr) -> bool {
    let ours = request.own.iter().any(|network| network.contains(&server));
    request.tunnel.selector_for(server).is_some() && !ours
}

async fn ask(
    request: &Arc<ProbeRequest>,
    name: &str,
    server: IpAddr,
    deadline: Instant,
) -> Result<Vec<IpAddr>, (Cause, String)> {
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![NameServerConfig::udp_and_tcp(server)]);
    let mut builder =
        Client::builder_with_config(config, Leaving { request: Arc::clone(request), handle: TokioHandle::default() });
    let options = builder.options_mut();
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = 0;
    options.timeout = EACH_TRY;
    let silent = |text: String| (Cause::DnsTimeout, format!("{server} about {name}: {text}"));
    let client = builder.build().map_err(|error| (Cause::ProbeNotRun, error.to_string()))?;
    // With the dot at its end, so that nothing is appended to it.
    match timeout_at(deadline, client.lookup_ip(format!("{name}."))).await {
        Err(_) => Err(silent("no answer in time".to_owned())),
        Ok(Err(error)) if error.is_no_records_found() => {
            Err((Cause::DnsNxdomain, format!("{server} knows no address of {name}")))
        }
        Ok(Err(error)) => Err(silent(error.to_string())),
        Ok(Ok(found)) => Ok(found.iter().map(|address| address.to_canonical()).collect()),
    }
}

/// Sockets that leave by the alerting IP and device of a request.
#[derive(Clone)]
struct Leaving {
    request: Arc<ProbeRequest>,
    /// Holds the tasks of every connection; the last one that is dropped ends them.
    handle: TokioHandle,
}

impl Leaving {
    /// Where a resolver really is: labs put it elsewhere.
    fn dialed(&self, server: SocketAddr) -> SocketAddr {
        self.request.dial.get(&server).copied().unwrap_or(server)
    }
}

impl RuntimeProvider for Leaving {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = ToResolver;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> Self::Handle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _bind: Option<SocketAddr>,
        wait: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = Result<Self::Tcp, io::Error>>>> {
        let (request, remote) = (Arc::clone(&self.request), self.dialed(server));
        Box::pin(async move {
            let socket = bound(&request, (remote, Protocol::TCP)).map_err(|(_, detail)| io::Error::other(detail))?;
            let deadline = Instant::now() + wait.unwrap_or(EACH_TRY);
            let stream = connect(socket, remote, deadline).await;
            stream.map(AsyncIoTokioAsStd).map_err(|Failure { detail, .. }| io::Error::other(detail))
        })
    }

    fn bind_udp(
        &self,
        _local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = Result<Self::Udp, io::Error>>>> {
        let (request, remote) = (Arc::clone(&self.request), self.dialed(server));
        Box::pin(async move {
            let socket = bound(&request, (remote, Protocol::UDP)).map_err(|(_, detail)| io::Error::other(detail))?;
            Ok(ToResolver { socket: UdpSocket::from_std(socket.into())?, named: server, dialed: remote })
        })
    }
}

/// A socket to one resolver, which answers under the address that it was asked by.
struct ToResolver {
    socket: UdpSocket,
    named: SocketAddr,
    dialed: SocketAddr,
}

impl hickory_resolver::net::runtime::DnsUdpSocket for ToResolver {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        context: &mut std::task::Context<'_>,
        buffer: &mut [u8],
    ) -> std::task::Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = tokio::io::ReadBuf::new(buffer);
        let from = std::task::ready!(self.socket.poll_recv_from(context, &mut buffer))?;
        let from = if from == self.dialed { self.named } else { from };
        std::task::Poll::Ready(Ok((buffer.filled().len(), from)))
    }

    fn poll_send_to(
        &self,
        context: &mut std::task::Context<'_>,
        buffer: &[u8],
        target: SocketAddr,
    ) -> std::task::Poll<io::Result<usize>> {
        let target = if target == self.named { self.dialed } else { target };
        self.socket.poll_send_to(context, buffer, target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mail_settings::{Encryption, MailHost};

    /// Answers each question for an A record with these addresses, any other with none; `None` says that the name does
    /// not exist (RFC 1035, section 4).
    async fn resolver(answer: Option<[u8; 4]>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0_u8; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let mut end = 12;
                while buffer[end] != 0 {
                    end += usize::from(buffer[end]) + 1;
                }
                end += 5;
                assert!(end <= length);
                let is_a = buffer[end - 3] == 1;
                let given = answer.filter(|_| is_a);
                let mut reply = buffer[..end].to_vec();
                (reply[2], reply[3]) = (0x81, if answer.is_none() { 0x83 } else { 0x80 });
                reply[6..12].copy_from_slice(&[0, u8::from(given.is_some()), 0, 0, 0, 0]);
                if let Some(address) = given {
                    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                    reply.extend(address);
                }
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        address
    }

    fn asking(dialed: SocketAddr) -> Arc<ProbeRequest> {
        let mut request = ProbeRequest::reach(MailHost::parse("10.20.4.15").unwrap(), 587, Encryption::StartTls);
        let server = IpAddr::from([10, 20, 4, 53]);
        request.look_up = Some(LookUp { name: "mail.corp.example".to_owned(), server: Some(server) });
        request.dial.insert(SocketAddr::new(server, 53), dialed);
        request.tunnel.peer_selectors = vec!["10.20.0.0/16".parse().unwrap()];
        Arc::new(request)
    }

    #[tokio::test]
    async fn the_resolver_on_record_is_asked_and_nobody_else() {
        let request = asking(resolver(Some([10, 20, 4, 16])).await);
        let deadline = Instant::now() + Duration::from_secs(20);
        let asked = ask(&request, "mail.corp.example", IpAddr::from([10, 20, 4, 53]), deadline).await;
        assert_eq!(asked, Ok(vec![IpAddr::from([10, 20, 4, 16])]));
        let report = look_up(&Resolver::System, &request).await.unwrap();
        assert_eq!((report.addresses, report.cause), (vec![IpAddr::from([10, 20, 4, 16])], None));
        let report = look_up(&Resolver::System, &asking(resolver(None).await)).await.unwrap();
        assert_eq!((report.addresses, report.cause), (Vec::new(), Some(Cause::DnsNxdomain)));
    }

    #[tokio::test]
    async fn a_resolver_that_the_tunnel_does_not_carry_or_that_is_ours_is_not_asked() {
        let resolver_there = resolver(Some([10, 20, 4, 16])).await;
        for is_ours in [false, true] {
            let mut request = (*asking(resolver_there)).clone();
            if is_ours {
                request.own = vec!["10.20.4.0/24".parse().unwrap()];
            } else {
                request.tunnel.peer_selectors = vec!["10.30.0.0/16".parse().unwrap()];
            }
            let report = look_up(&Resolver::System, &Arc::new(request)).await.unwrap();
            assert_eq!((report.addresses, report.cause), (Vec::new(), Some(Cause::ProbeNotRun)));
        }
    }

    #[tokio::test]
    async fn a_resolver_that_is_not_there_says_nothing_about_the_name() {
        let closed = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let mut request = (*asking(closed)).clone();
        request.limits.set(Stage::Resolve, Duration::from_millis(300));
        let report = look_up(&Resolver::System, &Arc::new(request)).await.unwrap();
        assert_eq!((report.addresses, report.cause), (Vec::new(), Some(Cause::DnsTimeout)));
    }
}
