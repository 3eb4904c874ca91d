//! What lies behind each cause, for its help page and for the sentence of a verdict. One row: variant; what the test saw;
//! the most likely reasons, most likely first; the causes that are easily taken for it. `{server}` stands for the server
//! and its port. A cause without a row does not compile.

use super::Cause;

/// What lies behind a cause.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    seen: &'static str,
    /// The most likely reasons, most likely first: sentences without their full stop.
    pub likely: &'static [&'static str],
    /// Causes that are easily taken for this one, or come with it.
    pub related: &'static [Cause],
}

impl Explanation {
    /// What the test saw, as one sentence about a server that is named like `10.20.4.15 on port 587`.
    pub fn seen_of(&self, server: &str) -> String {
        self.seen.replace("{server}", server)
    }

    /// What the test saw, as one sentence about any server.
    pub fn seen(&self) -> String {
        match self.seen.strip_prefix("{server}") {
            Some(rest) => format!("The server{}", rest.replace("{server}", "the server")),
            None => self.seen.replace("{server}", "the server"),
        }
    }
}

macro_rules! explanations {
    ($($variant:ident $seen:literal [$($likely:literal)+] [$($related:ident)*])*) => {
        impl Cause {
            /// What lies behind this cause.
            pub fn explanation(self) -> &'static Explanation {
                match self {
                    $(Self::$variant => {
                        const EXPLANATION: Explanation =
                            Explanation { seen: $seen, likely: &[$($likely),+], related: &[$(Cause::$related),*] };
                        &EXPLANATION
                    })*
                }
            }
        }
    };
}

explanations! {
    FormHostHasScheme "The host begins with a protocol such as http://; nothing was sent."
        ["The address of a web page was copied into the field"] [FormHostHasPort FormHostInvalid]
    FormHostHasPort "The host ends in a colon and a port; nothing was sent."
        ["Host and port were copied together"] [FormHostHasScheme FormPortRange]
    FormHostInvalid "The host is no IP address and no host name; nothing was sent."
        ["A typing error" "A label of the name has a character that host names do not know"] [FormAmbiguousNumber DnsNxdomain]
    FormAmbiguousNumber "The host is a number that programs read as different addresses; nothing was sent."
        ["A part of the address has a leading zero" "The address is shortened, or written as one number"] [FormHostInvalid]
    FormControlChar "A value holds a line break or another invisible character; nothing was sent."
        ["The value was copied with the end of its line" "Somebody tries to smuggle in SMTP commands"] [FormAddressInvalid]
    FormPortRange "The port is no number from 1 to 65535; nothing was sent."
        ["Port and host, or port and protocol, were mixed up"] [FormHostHasPort]
    FormModeConflict "The encryption is a word that we do not know, or two that exclude each other; nothing was sent."
        ["\u{201c}TLS\u{201d} or \u{201c}SSL\u{201d} was meant, which stand for two things"] [ProtoTlsOnPlain ProtoPlainOnTls]
    FormMaskAsSecret "The password consists of dots or asterisks; nothing was sent."
        ["The mask that a form shows was copied in place of the password"] [AuthBadCredentials]
    FormSenderMissing "No sender was given, and this test needs one; nothing was sent."
        ["The settings were saved without a sender address"] [FormAddressInvalid MailSenderNotAllowed]
    FormAddressInvalid "The sender or a recipient is no e-mail address; nothing was sent."
        ["A name or angle brackets stand around the address" "Several addresses stand in one field"] [FormSenderMissing]
    FormHeloInvalid "The name that we greet servers with is no host name and no address literal; nothing was sent."
        ["Our configuration has a wrong name"] [EhloNameRejected]
    FormOptionInvalid "An option of the test has a value that cannot be used; nothing was sent."
        ["The test was started by hand with a wrong option" "A certificate on record cannot be read"] [ProbeNotRun]
    PolicyTargetForbidden "The address is one that we never connect to; nothing was sent."
        ["The address of a gateway or of our own side was given" "A name points to loopback or a link-local address"]
        [AddressClassChanged DnsMixedClasses]
    PolicyNotApproved "Our whitelist of the tunnel does not hold the address and port of the test; nothing was sent."
        ["The case has not reached the whitelist yet" "The entry was retired, or names another port"] [PolicyTargetForbidden]
    AddressClassChanged "The name led to a private address before and to a public one at the test, or the other way round."
        ["The DNS record was changed" "Internal and public DNS give different answers"] [DnsMixedClasses PolicyTargetForbidden]
    DnsNxdomain "The name servers know no address for the host name."
        ["The name exists in the internal DNS of the customer only" "The name is misspelled" "The record was removed"]
        [DnsTimeout FormHostInvalid]
    DnsTimeout "The name servers gave no answer in time."
        ["Our resolver, or the way to it, is down" "The zone is served through the tunnel, and the tunnel is down"]
        [DnsNxdomain RouteTunnelDown]
    DnsMixedClasses "The host name has private and public addresses at once."
        ["Internal and public DNS records were merged"] [AddressClassChanged TcpPartly]
    RouteSourceMissing "The machine that tests does not own our alerting IP, so nothing was sent."
        ["The address moved to the stand-by node" "The network of this node was not brought up"] [RouteNoRoute ProbeNotRun]
    RouteNoRoute "Our own machine has no route to {server}, so nothing was sent."
        ["The route into the tunnel was not added" "The device of the tunnel is down"] [RouteTunnelDown RouteSourceMissing]
    RouteTunnelDown "The tunnel was down when the test began."
        ["The peer gateway restarted, or its line is down" "UDP 500, UDP 4500 or ESP is blocked between the gateways"
         "The shared key or the proposals of the two gateways differ"] [TunnelNotEntered TunnelLostBeyondEntry]
    RouteOverlap "The address lies in a network that another tunnel of the same routing domain carries too; nothing was sent."
        ["Two customers use the same private range"] [RouteSelectorNotCovered]
    RouteSelectorNotCovered "The address of {server} is in none of the networks that the tunnel carries."
        ["The network of the server was left out when the tunnel was agreed" "The server moved to another network"]
        [TunnelNotEntered AddressClassChanged]
    RouteGatewayNoRoute "A gateway on the way answered that it has no route to {server}."
        ["Our own gateway lacks the route into the tunnel" "The peer gateway lacks the route to the network of the server"
         "A router behind the peer gateway lacks it"] [TcpNoRoute RouteNoRoute RouteSelectorNotCovered]
    TunnelNotEntered "Our packets to {server} never entered the tunnel: its counters did not move."
        ["Our whitelist entry is missing in the gateway" "Our route does not lead into the tunnel"]
        [RouteNoRoute RouteSelectorNotCovered TunnelLostBeyondEntry]
    TunnelLostBeyondEntry "Our packets to {server} went into the tunnel, and nothing came back."
        ["The peer gateway is dead: it no longer holds the tunnel that we still see as up"
         "A filter of the customer drops the packets silently"
         "There is no way back: replies to our alerting IP are not routed into the tunnel"]
        [TcpTimeout RouteTunnelDown TunnelMtu]
    TunnelMtu "Small packets pass the tunnel and large ones do not: with a small segment size the same test goes on."
        ["The tunnel's overhead is not taken off the segment size (MSS)" "ICMP \u{201c}fragmentation needed\u{201d} is dropped"]
        [TlsTimeout DataStalledLargePackets]
    TcpTimeout "{server} did not answer the connection attempt."
        ["A firewall in the customer network drops the packets" "Replies to our alerting IP are not routed into the tunnel"
         "The server is switched off, or has another address"] [TunnelLostBeyondEntry TcpRefused TcpNoRoute]
    TcpRefused "The connection attempt to {server} was answered with a refusal (TCP RST)."
        ["The port is closed: the mail service is stopped, or listens on another port or address"
         "A firewall answers with RST in place of the server"] [TcpRejectedByFirewall TcpReset TcpTimeout]
    TcpNoRoute "A router on the way said that {server} cannot be reached (ICMP unreachable)."
        ["The server is switched off or has another address" "The last router has no way to the network of the server"]
        [RouteGatewayNoRoute TcpTimeout]
    TcpReset "{server} took the connection and cut it at once."
        ["The mail server, or a proxy before it, knows a list of allowed addresses" "A firewall cuts what it does not know"]
        [TcpRefused BannerClosed BannerRejected]
    TcpRejectedByFirewall "A firewall on the way said that the connection to {server} is forbidden (ICMP prohibited)."
        ["A rule for our alerting IP and the port is missing" "A rule exists for another port or protocol"]
        [TcpRefused TcpTimeout]
    TcpPartly "Some addresses of the name work and others do not."
        ["A server was taken down and its DNS record stayed" "A firewall lets us reach only some of the servers"]
        [TcpTimeout DnsMixedClasses]
    EgressPort25Suspected "Port 25 stayed silent in a way that points to our own way out."
        ["The network of the machine that tests blocks port 25"] [TcpTimeout]
    ProtoTlsOnPlain "{server} stays silent in clear text and answers a second connection that begins with TLS."
        ["The port is one for implicit TLS, usually 465"] [ProtoPlainOnTls BannerTimeout]
    ProtoPlainOnTls "{server} greets in clear text where TLS was expected."
        ["The port is one for STARTTLS, usually 587 or 25"] [ProtoTlsOnPlain TlsPeerStayedClear]
    ProtoNotSmtp "Something answers at {server} that is no mail server."
        ["The port belongs to another service" "The address is that of a gateway or web server"] [ReplyMalformed BannerClosed]
    BannerTimeout "{server} took the connection and sent no greeting."
        ["The port expects TLS from the first byte" "The server waits for a reverse DNS answer about our alerting IP"
         "Replies take another way back than the one through the tunnel"] [ProtoTlsOnPlain BannerSlow TcpTimeout]
    BannerRejected "{server} greets us with a refusal."
        ["Our alerting IP is not on the list of the mail server" "A reputation list is asked about our alerting IP"]
        [BannerClosed RcptClientRejected EhloRejected]
    BannerBusy "{server} greets us with a request to come later."
        ["The server is at its limit of connections" "It delays addresses that it does not know"] [RcptGreylisted BannerRejected]
    BannerClosed "{server} took the connection and hung up without a greeting."
        ["Our alerting IP is not on the list of the mail server or of a proxy before it" "The mail service is starting or broken"]
        [TcpReset BannerRejected]
    BannerMasked "The greeting of {server} is overwritten with asterisks."
        ["A firewall on the way inspects SMTP"] [StarttlsStrippedByMiddlebox]
    BannerSlow "The greeting of {server} came late."
        ["The server waits for a reverse DNS answer about our alerting IP" "It keeps strangers waiting to repel spam"]
        [BannerTimeout]
    EhloNameRejected "{server} does not take the name that we greet it with."
        ["The name does not resolve where the server looks it up" "The server asks for a name of a certain form"]
        [FormHeloInvalid EhloRejected]
    EhloRejected "{server} greets us and then refuses to go on."
        ["Our alerting IP is not on the list of the mail server"] [BannerRejected EhloNameRejected]
    EhloClosed "{server} hung up after our greeting."
        ["Our alerting IP is not on the list of the mail server" "An SMTP proxy on the way breaks off"] [BannerClosed ReplyClosed]
    EhloHeloOnly "{server} refuses EHLO and accepts HELO, so it offers neither encryption nor sign-in."
        ["The mail server is very old" "A device on the way filters EHLO"] [StarttlsNotOffered AuthNotOffered]
    StarttlsNotOffered "{server} does not offer STARTTLS, and the settings demand it."
        ["STARTTLS is switched off, or the server has no certificate" "The port is one without encryption"
         "A device on the way removes the offer"] [StarttlsStrippedByMiddlebox ProtoTlsOnPlain]
    StarttlsOfferedUnused "{server} offers STARTTLS, and the settings do without encryption."
        ["The server learned STARTTLS after the settings were made"] [StarttlsRequiredByServer]
    StarttlsRefused "{server} offers STARTTLS and refuses the command."
        ["The certificate or key of the mail server cannot be loaded"] [TlsFailed StarttlsNotOffered]
    StarttlsStrippedByMiddlebox "The answer of {server} to EHLO has overwritten keywords where STARTTLS should stand."
        ["A firewall on the way inspects SMTP and removes what it does not know"] [BannerMasked StarttlsNotOffered]
    StarttlsDataBeforeTls "More text followed the go-ahead of {server} for STARTTLS before encryption began."
        ["The mail server has a known fault (STARTTLS injection)" "Somebody on the way adds text to the conversation"]
        [TlsPeerStayedClear]
    StarttlsRequiredByServer "{server} refuses to go on without encryption, and the settings do without."
        ["The server demands STARTTLS from everybody"] [StarttlsOfferedUnused AuthRefusedInClear]
    TlsVersionTooOld "{server} speaks no version of TLS from 1.2 on."
        ["The mail server or its TLS library is very old" "Its configuration allows old versions only"] [TlsNoCommonParameters]
    TlsNoCommonParameters "{server} and we have no cipher suite or key exchange in common."
        ["The cipher list of the mail server is too narrow" "Its key is of a kind that we do not take"] [TlsVersionTooOld TlsFailed]
    TlsPeerStayedClear "{server} agreed to TLS and went on in clear text."
        ["A proxy before the server does not pass TLS on" "The TLS set-up of the mail server is broken"]
        [ProtoPlainOnTls StarttlsDataBeforeTls]
    TlsClientCertWanted "{server} demands a certificate from us."
        ["The listener is one for servers that know each other"] [TlsFailed AuthRequired]
    TlsTimeout "The TLS handshake with {server} began and was never completed."
        ["Large packets get lost in the tunnel: the certificate is the first large packet"
         "The server, or a device that opens TLS, is overloaded"] [TunnelMtu DataStalledLargePackets]
    TlsFailed "The TLS handshake with {server} broke off."
        ["The TLS set-up of the mail server is broken" "A device on the way opens TLS"] [TlsNoCommonParameters StarttlsRefused]
    CertExpired "The certificate of {server} has expired."
        ["It was not renewed" "It was renewed, and the mail server was not restarted"] [CertNotYetValid CertExpiresSoon]
    CertNotYetValid "The certificate of {server} begins to be valid later than now."
        ["The clock of the machine that issued it is wrong" "Our own clock is wrong"] [CertExpired]
    CertNameMismatch "The certificate of {server} is for other names than the one on record."
        ["The server has another official name" "A load balancer answers with its own certificate"] [CertIpNotInNames CertUnknownIssuer]
    CertIpNotInNames "The server was given by its IP address, and the certificate of {server} does not contain it."
        ["The certificate is for a host name, as most are"] [CertNameMismatch]
    CertSelfSigned "The certificate of {server} was issued by itself."
        ["The mail server uses the certificate of its installation" "The customer works with self-signed certificates"]
        [CertUnknownIssuer CertCaUsedAsServer]
    CertUnknownIssuer "The certificate of {server} was issued by an authority that is not on record."
        ["The customer has an authority of its own" "The server does not send its intermediate certificates"
         "A device on the way opens TLS"] [CertSelfSigned CertNameMismatch]
    CertUnsupportedFormat "The certificate of {server} is of a form that is no longer in use, or cannot be read."
        ["It is signed with SHA-1" "It is an X.509 certificate of version 1"] [CertCaUsedAsServer TlsVersionTooOld]
    CertCaUsedAsServer "The certificate of {server} is one of an authority and is used as that of a server."
        ["It was made by hand with the options of an authority"] [CertSelfSigned CertUnsupportedFormat]
    CertPinMismatch "The certificate of {server} has another fingerprint than the one that was pinned."
        ["The certificate was renewed" "Another machine answers at this address"] [CertSelfSigned CertExpired]
    CertExpiresSoon "The certificate of {server} expires in less than three weeks."
        ["It is renewed by hand, or its renewal fails"] [CertExpired]
    AuthNotOffered "{server} offers no sign-in, and the settings have an account."
        ["Sign-in is offered only after encryption" "The server lets known addresses relay without an account"]
        [AuthNoCommonMechanism AuthRefusedInClear]
    AuthNoCommonMechanism "{server} offers only ways to sign in that we do not have."
        ["Only NTLM, GSSAPI or OAuth is switched on"] [AuthNotOffered AuthPromptUnknown]
    AuthBadCredentials "{server} did not accept the account or password."
        ["The password is mistyped, expired or was changed" "The service demands an app password"
         "Sign-in over SMTP is switched off for the account"] [AuthRejected FormMaskAsSecret]
    AuthRejected "{server} broke off the sign-in without saying that account or password are wrong."
        ["The account is locked or not allowed to send" "A rule of the server forbids sign-in from our alerting IP"]
        [AuthBadCredentials AuthTemporary]
    AuthRequired "{server} demands a sign-in, and the settings have no account."
        ["Our alerting IP is not among those that may relay without an account"] [RcptRelayDenied AuthNotOffered]
    AuthRefusedInClear "{server} offers sign-in without encryption, and we do not send a password in clear text."
        ["The encryption is set to none"] [StarttlsOfferedUnused AuthNotOffered]
    AuthTemporary "{server} said that it cannot check sign-ins at the moment."
        ["The directory behind the mail server is down" "Too many attempts were made"] [AuthRejected MailTemporary]
    AuthPromptUnknown "{server} asked for something at sign-in that we do not know."
        ["The LOGIN dialogue of the server is its own invention"] [AuthNoCommonMechanism]
    MailSenderNotAllowed "{server} does not take mail from the sender address."
        ["The account may send only with its own address" "The domain of the sender is not known to the server"]
        [RcptRelayDenied FormSenderMissing]
    MailExtensionMissing "{server} does not offer what the sender or recipient address needs."
        ["An address has letters outside ASCII, and the server does not know SMTPUTF8"] [MailSenderNotAllowed RcptUnknownUser]
    MailTemporary "{server} said that it cannot take the sender at the moment."
        ["The disk of the mail server is full" "The domain of the sender cannot be looked up"] [RcptGreylisted DataTemporary]
    RcptRelayDenied "{server} does not pass on mail to the recipient."
        ["Our alerting IP is not among those that may relay" "The recipient lies outside the domains of the server"]
        [RcptClientRejected AuthRequired]
    RcptClientRejected "{server} refuses our address when the recipient is named."
        ["Our alerting IP is not on the list of the mail server" "An address translation changes our alerting IP on the way"]
        [RcptRelayDenied BannerRejected]
    RcptUnknownUser "{server} does not know the recipient."
        ["The address is misspelled" "The mailbox does not exist yet"] [RcptRejected]
    RcptRejected "{server} refused the recipient."
        ["A rule of the mail server forbids mail to this recipient"] [RcptUnknownUser RcptRelayDenied]
    RcptGreylisted "{server} asked for a later attempt, as it does with senders that it does not know."
        ["The server uses greylisting"] [BannerBusy MailTemporary]
    RcptPartly "{server} accepted some of the recipients and refused others."
        ["An address is misspelled" "A recipient lies outside the domains of the server"] [RcptUnknownUser RcptRelayDenied]
    DataStalledLargePackets "Small packets reached {server}, and the message itself did not."
        ["Large packets get lost in the tunnel"] [TunnelMtu TlsTimeout]
    DataTooBig "{server} said that the message is too big."
        ["The size limit of the mail server is very low"] [DataContentRefused]
    DataLineTooLong "{server} said that a line of the message is too long."
        ["Our message has a line above 998 octets"] [DataContentRefused]
    DataContentRefused "{server} took sender and recipient and refused the message."
        ["A spam or content filter judged the message" "The account may not send with this sender address"]
        [MailSenderNotAllowed DataTooBig]
    DataTemporary "{server} said that it cannot take the message at the moment."
        ["The disk of the mail server is full" "A filter behind the mail server does not answer"] [MailTemporary]
    ReplyTooLong "{server} sent a line or an answer that is longer than any mail server's."
        ["Another service listens on the port"] [ProtoNotSmtp ReplyMalformed]
    ReplyMalformed "{server} sent an answer that is not SMTP."
        ["Another service listens on the port" "A proxy before the server writes into the conversation"] [ProtoNotSmtp ReplyTooLong]
    ReplyTimeout "{server} stopped answering in the middle of the conversation."
        ["The server is overloaded, or a filter behind it does not answer" "A firewall cuts connections that it has forgotten"]
        [ReplyClosed TunnelMtu]
    ReplyClosed "{server} hung up in the middle of the conversation."
        ["The mail server broke off: its log says why" "A proxy on the way cuts the connection"] [ReplyTimeout EhloClosed]
    ReplyBareCode "{server} answers with codes that no text follows."
        ["The mail server is unusual"] [ReplyLongLine]
    ReplyLongLine "{server} sends lines above 512 octets."
        ["The mail server is unusual"] [ReplyTooLong ReplyBareCode]
    SyslogPortClosed "{server} answered that nothing listens on the port."
        ["The SYSLOG receiver is stopped" "It listens on another port or protocol"] [SyslogClosed SyslogUnconfirmed TcpRefused]
    SyslogClosed "{server} closed the connection before or while it took the message."
        ["Our alerting IP is not on the list of the SYSLOG receiver" "The receiver expects TLS on this port, or another framing"]
        [SyslogPortClosed SyslogStalled TcpReset]
    SyslogStalled "{server} took the connection and then no data."
        ["The SYSLOG receiver is full or overloaded" "Large packets get lost in the tunnel"] [SyslogClosed TunnelMtu]
    SyslogUnconfirmed "The message was sent to {server}, and nothing came back: UDP confirms nothing."
        ["It arrived: this is what success looks like over UDP" "A firewall drops it silently"] [SyslogPortClosed TcpTimeout]
    ProbeTotalLimit "The test reached its limit of time before it had a result."
        ["Several steps were slow, each within its own limit"] [ReplyTimeout BannerSlow]
    ProbeAgentSilent "The agent that tests through this tunnel did not take the test."
        ["The agent's service is stopped" "Its connection to Postern is down"] [ProbeNotRun]
    ProbeNotRun "The test could not be started; no connection was tried."
        ["A fault of our own"] [ProbeAgentSilent ProbeTotalLimit]
}
