-- Prosody as Debian ships it, with what the loads need: SCRAM in its own files, registration open.
run_as_root = true
daemonize = false
network_backend = "epoll"
network_settings = { tcp_backlog = 2048 }
modules_enabled = {
  "disco"; "roster"; "saslauth"; "tls"; "blocklist"; "bookmarks"; "carbons"; "pep"; "private"; "smacks";
  "vcard4"; "vcard_legacy"; "csi_simple"; "ping"; "register"; "time"; "version"; "offline";
}
modules_disabled = { "s2s" }
allow_registration = true
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_hashed"
ssl = { key = "$folder/key.pem"; certificate = "$folder/crt.pem" }
c2s_direct_tls_ssl = { key = "$folder/key.pem"; certificate = "$folder/crt.pem" }
interfaces = { "127.0.0.1" }
c2s_ports = { $port }
c2s_direct_tls_ports = { $tls_port }
data_path = "$folder/data"
pidfile = "$folder/prosody.pid"
log = { warn = "$folder/prosody.log" }
VirtualHost "localhost"
