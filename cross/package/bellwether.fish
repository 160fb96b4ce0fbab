# fish completion for bellwether: made of the table of subcommands by tests/command_line.rs

function __bellwether_at
    set -l at
    for word in (commandline -opc)[2..]
        switch "$at $word"
            case " ack"
                set at " ack"
            case " alert"
                set at " alert"
            case " alert add"
                set at " alert add"
            case " alert query"
                set at " alert query"
            case " check-config"
                set at " check-config"
            case " cluster"
                set at " cluster"
            case " cluster show"
                set at " cluster show"
            case " config"
                set at " config"
            case " config convert"
                set at " config convert"
            case " config routes"
                set at " config routes"
            case " config routes show"
                set at " config routes show"
            case " config routes test"
                set at " config routes test"
            case " config show"
                set at " config show"
            case " deadman"
                set at " deadman"
            case " flock"
                set at " flock"
            case " healthy"
                set at " healthy"
            case " history"
                set at " history"
            case " journal"
                set at " journal"
            case " journal check"
                set at " journal check"
            case " journal compact"
                set at " journal compact"
            case " journal inspect"
                set at " journal inspect"
            case " key"
                set at " key"
            case " key new"
                set at " key new"
            case " notify"
                set at " notify"
            case " notify test"
                set at " notify test"
            case " owed"
                set at " owed"
            case " owed drop"
                set at " owed drop"
            case " owed query"
                set at " owed query"
            case " owed retry"
                set at " owed retry"
            case " ping"
                set at " ping"
            case " routes"
                set at " routes"
            case " routes show"
                set at " routes show"
            case " routes test"
                set at " routes test"
            case " silence"
                set at " silence"
            case " silence add"
                set at " silence add"
            case " silence expire"
                set at " silence expire"
            case " silence import"
                set at " silence import"
            case " silence query"
                set at " silence query"
            case " silence show"
                set at " silence show"
            case " silence update"
                set at " silence update"
            case " template"
                set at " template"
            case " template render"
                set at " template render"
        end
    end
    test "$at" = "$argv[1]"
end

complete -c bellwether -f
complete -c bellwether -n "__bellwether_at ''" -a ack
complete -c bellwether -n "__bellwether_at ''" -a alert
complete -c bellwether -n "__bellwether_at ''" -a check-config
complete -c bellwether -n "__bellwether_at ''" -a cluster
complete -c bellwether -n "__bellwether_at ''" -a config
complete -c bellwether -n "__bellwether_at ''" -a deadman
complete -c bellwether -n "__bellwether_at ''" -a flock
complete -c bellwether -n "__bellwether_at ''" -a healthy
complete -c bellwether -n "__bellwether_at ''" -a history
complete -c bellwether -n "__bellwether_at ''" -a journal
complete -c bellwether -n "__bellwether_at ''" -a key
complete -c bellwether -n "__bellwether_at ''" -a notify
complete -c bellwether -n "__bellwether_at ''" -a owed
complete -c bellwether -n "__bellwether_at ''" -a ping
complete -c bellwether -n "__bellwether_at ''" -a routes
complete -c bellwether -n "__bellwether_at ''" -a silence
complete -c bellwether -n "__bellwether_at ''" -a template
complete -c bellwether -n "__bellwether_at ''" -l web.listen-address -x -d 'Address to serve HTTP on, or unix:PATH; only this machine reaches the default. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l web.systemd-socket -d 'Serve HTTP at the sockets that systemd passes (a socket unit), and nowhere else.'
complete -c bellwether -n "__bellwether_at ''" -l web.socket-mode -x -d 'Permissions of a Unix socket that is listened on.'
complete -c bellwether -n "__bellwether_at ''" -l web.socket-group -x -d 'Group of a Unix socket that is listened on; the agent\'s if empty.'
complete -c bellwether -n "__bellwether_at ''" -l web.config.file -r -F -d 'File with TLS, users and tokens, Alertmanager\'s; read anew when it changes.'
complete -c bellwether -n "__bellwether_at ''" -l web.external-url -x -d 'URL by which users reach this node.'
complete -c bellwether -n "__bellwether_at ''" -l web.route-prefix -x -d 'What every path starts with; the path of the external URL if empty.'
complete -c bellwether -n "__bellwether_at ''" -l web.get-concurrency -x -d 'How many GETs are answered at a time; 0 is 8.'
complete -c bellwether -n "__bellwether_at ''" -l web.timeout -x -d 'How long a request may take; 0 is no limit.'
complete -c bellwether -n "__bellwether_at ''" -l web.read-only -d 'The page and the API change nothing: only reads, and posts of alerts.'
complete -c bellwether -n "__bellwether_at ''" -l web.allowed-host -x -d 'Host name by which browsers may reach this node, also *.DOMAIN or *. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l web.allowed-origin -x -d 'Origin whose pages may use the API, like http://karma.example.net. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l storage.path -r -F -d 'Directory of the journal.'
complete -c bellwether -n "__bellwether_at ''" -l data.retention -x -d 'How long ended silences and log entries are kept.'
complete -c bellwether -n "__bellwether_at ''" -l storage.durability -x -a "sync interval off" -d 'When what is written becomes durable: sync, interval or off.'
complete -c bellwether -n "__bellwether_at ''" -l storage.interval -x -d 'Between commits with durability interval.'
complete -c bellwether -n "__bellwether_at ''" -l storage.daily-commits -x -d 'Commits a day that the flash is good for; 0 is no budget.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.listen-address -x -d 'UDP address of the gossip; empty to stay alone; auto is :9094 where there are peers or multicast, else none.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.advertise-address -x -d 'Address that the others are told, ip:port.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.peer-name -x -d 'Name of this node; its id if empty.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.label -x -d 'Flocks with another label are not heard.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.peer -x -d 'Peer to start with, host:port. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.peers-resolve-timeout -x -d 'How often the names of peers are resolved.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.key-file -r -F -d 'File with a shared key; the first seals, all open. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.multicast -d 'Find peers by multicast; needs a key.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.multicast-group -x -d 'Multicast group.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.interface -x -d 'Interface for multicast; all if none. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.probe-interval -x -d 'Between two probes of members.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.probe-timeout -x -d 'How long a probe waits for its answer.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.settle-timeout -x -d 'How long a starting node waits at most to hear the flock.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.reconnect-interval -x -d 'How often a peer that is not reached is tried.'
complete -c bellwether -n "__bellwether_at ''" -l cluster.reconnect-timeout -x -d 'How long a member that is gone is remembered.'
complete -c bellwether -n "__bellwether_at ''" -l alerts.gc-interval -x -d 'Between two clearings of resolved alerts.'
complete -c bellwether -n "__bellwether_at ''" -l alerts.per-alertname-limit -x -d 'How many alerts may share a name; 0 is no limit.'
complete -c bellwether -n "__bellwether_at ''" -l alerts.own -d 'Raise alerts of failing receivers, members that are down and peers with another key.'
complete -c bellwether -n "__bellwether_at ''" -l silences.max-silences -x -d 'How many silences there may be, ended ones counted; 0 is 10000.'
complete -c bellwether -n "__bellwether_at ''" -l silences.max-silence-size-bytes -x -d 'How many bytes a silence may have; 0 is 65536.'
complete -c bellwether -n "__bellwether_at ''" -l dispatch.start-delay -x -d 'How long after the start the first flush waits at least.'
complete -c bellwether -n "__bellwether_at ''" -l log.level -x -a "debug info warn error" -d 'Least severe messages to print: debug, info, warn or error.'
complete -c bellwether -n "__bellwether_at ''" -l log.format -x -a "logfmt json" -d 'How messages are printed: logfmt or json.'
complete -c bellwether -n "__bellwether_at ''" -l log.silences -d 'Log every change of a silence.'
complete -c bellwether -n "__bellwether_at ''" -l log.local-time -d 'Print times in the machine\'s zone, not in UTC.'
complete -c bellwether -n "__bellwether_at ''" -l enable-feature -x -d 'Feature to turn on, or several with commas between. Repeatable.'
complete -c bellwether -n "__bellwether_at ''" -l config.file -r -F
complete -c bellwether -n "__bellwether_at ''" -l help
complete -c bellwether -n "__bellwether_at ''" -l version
complete -c bellwether -n "__bellwether_at ' ack'" -s a -l author -x -d 'author; the user who asks'
complete -c bellwether -n "__bellwether_at ' ack'" -s c -l comment -x -d 'comment; Acknowledged'
complete -c bellwether -n "__bellwether_at ' ack'" -l same-severity -d 'tell of another severity than fires now'
complete -c bellwether -n "__bellwether_at ' ack'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' ack'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' ack'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' ack'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' ack'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' ack'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' ack'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' ack'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' ack'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' ack'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' ack'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' ack'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' ack'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' alert'" -a add
complete -c bellwether -n "__bellwether_at ' alert'" -a query
complete -c bellwether -n "__bellwether_at ' alert'" -s a -l active -d 'active alerts; these alone if no state is asked for'
complete -c bellwether -n "__bellwether_at ' alert'" -s s -l silenced -d 'silenced alerts'
complete -c bellwether -n "__bellwether_at ' alert'" -s i -l inhibited -d 'inhibited alerts'
complete -c bellwether -n "__bellwether_at ' alert'" -s u -l unprocessed -d 'accepted, as amtool has it; there are none'
complete -c bellwether -n "__bellwether_at ' alert'" -s r -l receiver -x -d 'alerts that go to a receiver of this name'
complete -c bellwether -n "__bellwether_at ' alert'" -l watch -d 'show them again whenever something has changed'
complete -c bellwether -n "__bellwether_at ' alert'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' alert'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' alert'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' alert'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' alert'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' alert'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' alert'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' alert'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' alert'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' alert'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' alert'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' alert'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' alert'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' alert'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' alert'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' alert add'" -l annotation -x
complete -c bellwether -n "__bellwether_at ' alert add'" -l for -x -d 'end after this time, 10m for example; else after the agent\'s resolve_timeout'
complete -c bellwether -n "__bellwether_at ' alert add'" -l start -x -d 'when it begins: 2026-11-29T09:00:00Z; now'
complete -c bellwether -n "__bellwether_at ' alert add'" -l end -x -d 'when it ends; now resolves it'
complete -c bellwether -n "__bellwether_at ' alert add'" -l generator-url -x -d 'what raised it'
complete -c bellwether -n "__bellwether_at ' alert add'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' alert add'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' alert add'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' alert add'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' alert add'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' alert add'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' alert add'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' alert add'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' alert add'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' alert add'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' alert add'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' alert add'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' alert add'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' alert query'" -s a -l active -d 'active alerts; these alone if no state is asked for'
complete -c bellwether -n "__bellwether_at ' alert query'" -s s -l silenced -d 'silenced alerts'
complete -c bellwether -n "__bellwether_at ' alert query'" -s i -l inhibited -d 'inhibited alerts'
complete -c bellwether -n "__bellwether_at ' alert query'" -s u -l unprocessed -d 'accepted, as amtool has it; there are none'
complete -c bellwether -n "__bellwether_at ' alert query'" -s r -l receiver -x -d 'alerts that go to a receiver of this name'
complete -c bellwether -n "__bellwether_at ' alert query'" -l watch -d 'show them again whenever something has changed'
complete -c bellwether -n "__bellwether_at ' alert query'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' alert query'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' alert query'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' alert query'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' alert query'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' alert query'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' alert query'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' alert query'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' alert query'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' alert query'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' alert query'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' alert query'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' alert query'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' alert query'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' alert query'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' check-config'" -F
complete -c bellwether -n "__bellwether_at ' check-config'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' check-config'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' check-config'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' check-config'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' cluster'" -a show
complete -c bellwether -n "__bellwether_at ' cluster'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' cluster'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' cluster'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' cluster'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' cluster'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' cluster'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' cluster'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' cluster'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' cluster'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' cluster'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' cluster'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' cluster'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' cluster'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' cluster'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' cluster show'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' cluster show'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' cluster show'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' cluster show'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' cluster show'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' cluster show'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' cluster show'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config'" -a convert
complete -c bellwether -n "__bellwether_at ' config'" -a routes
complete -c bellwether -n "__bellwether_at ' config'" -a show
complete -c bellwether -n "__bellwether_at ' config'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' config'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' config'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' config'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' config'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' config'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' config'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' config'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' config'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' config'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' config'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config convert'" -F
complete -c bellwether -n "__bellwether_at ' config convert'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config convert'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config convert'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config convert'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config routes'" -a show
complete -c bellwether -n "__bellwether_at ' config routes'" -a test
complete -c bellwether -n "__bellwether_at ' config routes'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' config routes'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' config routes'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' config routes'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' config routes'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' config routes'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' config routes'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' config routes'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' config routes'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' config routes'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' config routes'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config routes'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config routes'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config routes'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config routes show'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' config routes show'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' config routes show'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' config routes show'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' config routes show'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config routes show'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config routes show'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config routes test'" -l tree -d 'show the matching routes as a tree, too'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l verify.receivers -x
complete -c bellwether -n "__bellwether_at ' config routes test'" -l at -x -d 'say which time intervals mute at this time: 2026-11-29T09:00:00Z'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' config routes test'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' config routes test'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' config routes test'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' config routes test'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config routes test'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config routes test'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' config show'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' config show'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' config show'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' config show'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' config show'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' config show'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' config show'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' config show'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' config show'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' config show'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' config show'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' config show'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' config show'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' config show'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' deadman'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' deadman'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' deadman'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' deadman'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' deadman'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' deadman'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' deadman'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' deadman'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' deadman'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' deadman'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' deadman'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' deadman'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' deadman'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' deadman'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' flock'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' flock'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' flock'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' flock'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' flock'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' flock'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' flock'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' flock'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' flock'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' flock'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' flock'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' flock'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' flock'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' flock'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' healthy'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' healthy'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' healthy'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' healthy'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' healthy'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' healthy'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' healthy'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' healthy'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' healthy'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' healthy'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' healthy'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' healthy'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' healthy'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' history'" -l watch -d 'go on with what comes, oldest first'
complete -c bellwether -n "__bellwether_at ' history'" -l alerts -d 'show which alerts began and ended'
complete -c bellwether -n "__bellwether_at ' history'" -l after -x -d 'only what came after a time, or after the entry of an id'
complete -c bellwether -n "__bellwether_at ' history'" -l outcome -x -d 'only those of an outcome, or of a status of alerts'
complete -c bellwether -n "__bellwether_at ' history'" -s r -l receiver -x -d 'only those of receivers whose whole name matches'
complete -c bellwether -n "__bellwether_at ' history'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' history'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' history'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' history'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' history'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' history'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' history'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' history'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' history'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' history'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' history'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' history'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' history'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' history'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' journal'" -a check
complete -c bellwether -n "__bellwether_at ' journal'" -a compact
complete -c bellwether -n "__bellwether_at ' journal'" -a inspect
complete -c bellwether -n "__bellwether_at ' journal'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' journal'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' journal'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' journal'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' journal check'" -F
complete -c bellwether -n "__bellwether_at ' journal check'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' journal check'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' journal check'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' journal check'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' journal compact'" -F
complete -c bellwether -n "__bellwether_at ' journal compact'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' journal compact'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' journal compact'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' journal compact'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' journal inspect'" -F
complete -c bellwether -n "__bellwether_at ' journal inspect'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' journal inspect'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' journal inspect'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' journal inspect'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' key'" -a new
complete -c bellwether -n "__bellwether_at ' key'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' key'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' key'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' key'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' key new'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' key new'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' key new'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' key new'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' notify'" -a test
complete -c bellwether -n "__bellwether_at ' notify'" -l annotation -x
complete -c bellwether -n "__bellwether_at ' notify'" -l resolved -d 'an alert that has ended'
complete -c bellwether -n "__bellwether_at ' notify'" -l dry-run -d 'send nothing'
complete -c bellwether -n "__bellwether_at ' notify'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' notify'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' notify'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' notify'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' notify'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' notify'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' notify'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' notify'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' notify'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' notify'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' notify'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' notify'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' notify'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' notify test'" -l annotation -x
complete -c bellwether -n "__bellwether_at ' notify test'" -l resolved -d 'an alert that has ended'
complete -c bellwether -n "__bellwether_at ' notify test'" -l dry-run -d 'send nothing'
complete -c bellwether -n "__bellwether_at ' notify test'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' notify test'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' notify test'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' notify test'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' notify test'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' notify test'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' notify test'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' notify test'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' notify test'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' notify test'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' notify test'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' notify test'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' notify test'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' owed'" -a drop
complete -c bellwether -n "__bellwether_at ' owed'" -a query
complete -c bellwether -n "__bellwether_at ' owed'" -a retry
complete -c bellwether -n "__bellwether_at ' owed'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' owed'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' owed'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' owed'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' owed'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' owed'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' owed'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' owed'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' owed'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' owed'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' owed'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' owed'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' owed'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' owed'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' owed drop'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' owed drop'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' owed drop'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' owed drop'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' owed drop'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' owed drop'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' owed drop'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' owed query'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' owed query'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' owed query'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' owed query'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' owed query'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' owed query'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' owed query'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' owed query'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' owed query'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' owed query'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' owed query'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' owed query'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' owed query'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' owed query'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' owed retry'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' owed retry'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' owed retry'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' owed retry'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' owed retry'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' owed retry'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' owed retry'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' ping'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' ping'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' ping'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' ping'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' ping'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' ping'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' ping'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' ping'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' ping'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' ping'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' ping'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' ping'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' ping'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' routes'" -a show
complete -c bellwether -n "__bellwether_at ' routes'" -a test
complete -c bellwether -n "__bellwether_at ' routes'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' routes'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' routes'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' routes'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' routes'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' routes'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' routes'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' routes'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' routes'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' routes'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' routes'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' routes'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' routes'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' routes'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' routes show'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' routes show'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' routes show'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' routes show'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' routes show'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' routes show'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' routes show'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' routes show'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' routes show'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' routes show'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' routes show'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' routes show'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' routes show'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' routes show'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' routes test'" -l tree -d 'show the matching routes as a tree, too'
complete -c bellwether -n "__bellwether_at ' routes test'" -l verify.receivers -x
complete -c bellwether -n "__bellwether_at ' routes test'" -l at -x -d 'say which time intervals mute at this time: 2026-11-29T09:00:00Z'
complete -c bellwether -n "__bellwether_at ' routes test'" -l config.file -r -F -d 'look at this file, not at a running agent'
complete -c bellwether -n "__bellwether_at ' routes test'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' routes test'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' routes test'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' routes test'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' routes test'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' routes test'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' routes test'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' routes test'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' routes test'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' routes test'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' routes test'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' routes test'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' routes test'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence'" -a add
complete -c bellwether -n "__bellwether_at ' silence'" -a expire
complete -c bellwether -n "__bellwether_at ' silence'" -a import
complete -c bellwether -n "__bellwether_at ' silence'" -a query
complete -c bellwether -n "__bellwether_at ' silence'" -a show
complete -c bellwether -n "__bellwether_at ' silence'" -a update
complete -c bellwether -n "__bellwether_at ' silence'" -l expired -d 'silences that have ended, and no others'
complete -c bellwether -n "__bellwether_at ' silence'" -s q -l quiet -d 'print ids alone'
complete -c bellwether -n "__bellwether_at ' silence'" -l created-by -x -d 'silences of this author'
complete -c bellwether -n "__bellwether_at ' silence'" -l id -x -d 'the silence of this id; repeatable'
complete -c bellwether -n "__bellwether_at ' silence'" -l within -x -d 'silences that end, or have ended, within this time'
complete -c bellwether -n "__bellwether_at ' silence'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' silence'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' silence'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence add'" -s d -l duration -x -d 'how long it lasts; 1h'
complete -c bellwether -n "__bellwether_at ' silence add'" -l start -x -d 'when it begins: 2026-11-29T09:00:00Z; now'
complete -c bellwether -n "__bellwether_at ' silence add'" -l end -x -d 'when it ends, instead of --duration'
complete -c bellwether -n "__bellwether_at ' silence add'" -s a -l author -x -d 'author; the user who asks'
complete -c bellwether -n "__bellwether_at ' silence add'" -s c -l comment -x -d 'comment, which is required'
complete -c bellwether -n "__bellwether_at ' silence add'" -l require-comment -l comment_required
complete -c bellwether -n "__bellwether_at ' silence add'" -l annotation -x
complete -c bellwether -n "__bellwether_at ' silence add'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence add'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence add'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence add'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence add'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence add'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence add'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence add'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence add'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence add'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence add'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence add'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence add'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence expire'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence expire'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence expire'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence expire'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence expire'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence expire'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence expire'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence import'" -F
complete -c bellwether -n "__bellwether_at ' silence import'" -s f -l force -d 'make new silences even where ids are known'
complete -c bellwether -n "__bellwether_at ' silence import'" -s w -l worker -x -d 'accepted, as amtool has it; one after the other is made'
complete -c bellwether -n "__bellwether_at ' silence import'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence import'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence import'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence import'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence import'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence import'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence import'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence import'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence import'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence import'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence import'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence import'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence import'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence query'" -l expired -d 'silences that have ended, and no others'
complete -c bellwether -n "__bellwether_at ' silence query'" -s q -l quiet -d 'print ids alone'
complete -c bellwether -n "__bellwether_at ' silence query'" -l created-by -x -d 'silences of this author'
complete -c bellwether -n "__bellwether_at ' silence query'" -l id -x -d 'the silence of this id; repeatable'
complete -c bellwether -n "__bellwether_at ' silence query'" -l within -x -d 'silences that end, or have ended, within this time'
complete -c bellwether -n "__bellwether_at ' silence query'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' silence query'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' silence query'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence query'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence query'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence query'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence query'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence query'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence query'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence query'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence query'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence query'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence query'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence query'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence query'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence show'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' silence show'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' silence show'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence show'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence show'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence show'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence show'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence show'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence show'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence show'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence show'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence show'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence show'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence show'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence show'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' silence update'" -s d -l duration -x -d 'how long it lasts, from its beginning'
complete -c bellwether -n "__bellwether_at ' silence update'" -l start -x -d 'when it begins'
complete -c bellwether -n "__bellwether_at ' silence update'" -l end -x -d 'when it ends, instead of --duration'
complete -c bellwether -n "__bellwether_at ' silence update'" -s c -l comment -x -d 'comment'
complete -c bellwether -n "__bellwether_at ' silence update'" -s q -l quiet -d 'print ids alone'
complete -c bellwether -n "__bellwether_at ' silence update'" -s o -l output -x -a "simple extended json" -d 'simple, extended or json; simple'
complete -c bellwether -n "__bellwether_at ' silence update'" -l date.format -x
complete -c bellwether -n "__bellwether_at ' silence update'" -l url -l alertmanager.url -x
complete -c bellwether -n "__bellwether_at ' silence update'" -l user -x -d 'user to be, with --password-file'
complete -c bellwether -n "__bellwether_at ' silence update'" -l password-file -r -F
complete -c bellwether -n "__bellwether_at ' silence update'" -l token-file -r -F -d 'file with a token, instead of a user'
complete -c bellwether -n "__bellwether_at ' silence update'" -l ca-file -r -F -d 'authority of the agent\'s certificate, in PEM; the system\'s if not given'
complete -c bellwether -n "__bellwether_at ' silence update'" -l cert-file -r -F -d 'certificate to show, with --key-file'
complete -c bellwether -n "__bellwether_at ' silence update'" -l key-file -r -F -d 'key of that certificate'
complete -c bellwether -n "__bellwether_at ' silence update'" -l http.config.file -r -F
complete -c bellwether -n "__bellwether_at ' silence update'" -l timeout -x -d 'how long to wait for an answer; 30s'
complete -c bellwether -n "__bellwether_at ' silence update'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' silence update'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' silence update'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' silence update'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' template'" -a render
complete -c bellwether -n "__bellwether_at ' template'" -l template.text -x
complete -c bellwether -n "__bellwether_at ' template'" -l template.glob -r -F
complete -c bellwether -n "__bellwether_at ' template'" -l template.type -x -a "text html"
complete -c bellwether -n "__bellwether_at ' template'" -l template.data -r -F
complete -c bellwether -n "__bellwether_at ' template'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' template'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' template'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' template'" -l enable-feature -x
complete -c bellwether -n "__bellwether_at ' template render'" -l template.text -x
complete -c bellwether -n "__bellwether_at ' template render'" -l template.glob -r -F
complete -c bellwether -n "__bellwether_at ' template render'" -l template.type -x -a "text html"
complete -c bellwether -n "__bellwether_at ' template render'" -l template.data -r -F
complete -c bellwether -n "__bellwether_at ' template render'" -s h -l help -d 'show this'
complete -c bellwether -n "__bellwether_at ' template render'" -s v -l verbose -d 'accepted, as amtool has it'
complete -c bellwether -n "__bellwether_at ' template render'" -l version-check -d 'accepted, as amtool has it; versions are not compared'
complete -c bellwether -n "__bellwether_at ' template render'" -l enable-feature -x

# A link that answers as amtool.
if string match -q '*/bellwether' -- (realpath (command -v amtool) 2>/dev/null)
    complete -c amtool -w bellwether
end
