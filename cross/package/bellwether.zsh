#compdef bellwether amtool
# made of the table of subcommands by tests/command_line.rs

_bellwether() {
    # A link of that name answers as amtool; Alertmanager's own has other words.
    if [[ $service == amtool && ${commands[amtool]:A:t} != bellwether ]]; then
        _default
        return
    fi
    local word=${words[CURRENT]} before=${words[CURRENT-1]} at= kind= i
    local -a given=("${words[@]}")
    local words=
    if [[ $word == --*=* ]]; then
        before=${word%%=*}
        compset -P '*='
    fi
    for ((i = 2; i < CURRENT; i++)); do
        case "${at:+$at }${given[i]}" in
        "ack" | "alert" | "alert add" | "alert query" | "check-config" | "cluster" | "cluster show" | "config" | "config convert" | "config routes" | "config routes show" | "config routes test" | "config show" | "deadman" | "flock" | "healthy" | "history" | "journal" | "journal check" | "journal compact" | "journal inspect" | "key" | "key new" | "notify" | "notify test" | "owed" | "owed drop" | "owed query" | "owed retry" | "ping" | "routes" | "routes show" | "routes test" | "silence" | "silence add" | "silence expire" | "silence import" | "silence query" | "silence show" | "silence update" | "template" | "template render") at="${at:+$at }${given[i]}" ;;
        esac
    done
    case $before in
    --ca-file | --cert-file | --cluster.key-file | --config.file | --http.config.file | --key-file | --password-file | --template.data | --template.glob | --token-file | --web.config.file) kind=files ;;
    --storage.path) kind=directories ;;
    --log.level) words="debug info warn error" ;;
    --log.format) words="logfmt json" ;;
    --output | -o) words="simple extended json" ;;
    --storage.durability) words="sync interval off" ;;
    --template.type) words="text html" ;;
    --after | --alertmanager.url | --alerts.gc-interval | --alerts.per-alertname-limit | --annotation | --at | --author | --cluster.advertise-address | --cluster.interface | --cluster.label | --cluster.listen-address | --cluster.multicast-group | --cluster.peer | --cluster.peer-name | --cluster.peers-resolve-timeout | --cluster.probe-interval | --cluster.probe-timeout | --cluster.reconnect-interval | --cluster.reconnect-timeout | --cluster.settle-timeout | --comment | --created-by | --data.retention | --date.format | --dispatch.start-delay | --duration | --enable-feature | --end | --for | --generator-url | --id | --outcome | --receiver | --silences.max-silence-size-bytes | --silences.max-silences | --start | --storage.daily-commits | --storage.interval | --template.text | --timeout | --url | --user | --verify.receivers | --web.allowed-host | --web.allowed-origin | --web.external-url | --web.get-concurrency | --web.listen-address | --web.route-prefix | --web.socket-group | --web.socket-mode | --web.timeout | --within | --worker) ;;
    *)
        case $at in
        "") words="ack alert check-config cluster config deadman flock healthy history journal key notify owed ping routes silence template --web.listen-address --web.systemd-socket --web.socket-mode --web.socket-group --web.config.file --web.external-url --web.route-prefix --web.get-concurrency --web.timeout --web.read-only --web.allowed-host --web.allowed-origin --storage.path --data.retention --storage.durability --storage.interval --storage.daily-commits --cluster.listen-address --cluster.advertise-address --cluster.peer-name --cluster.label --cluster.peer --cluster.peers-resolve-timeout --cluster.key-file --cluster.multicast --cluster.multicast-group --cluster.interface --cluster.probe-interval --cluster.probe-timeout --cluster.settle-timeout --cluster.reconnect-interval --cluster.reconnect-timeout --alerts.gc-interval --alerts.per-alertname-limit --alerts.own --silences.max-silences --silences.max-silence-size-bytes --dispatch.start-delay --log.level --log.format --log.silences --log.local-time --enable-feature --config.file --help --version" ;;
        "ack") words="-a --author -c --comment --same-severity --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "alert") words="add query -a --active -s --silenced -i --inhibited -u --unprocessed -r --receiver --watch -o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "alert add") words="--annotation --for --start --end --generator-url --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "alert query") words="-a --active -s --silenced -i --inhibited -u --unprocessed -r --receiver --watch -o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "check-config") words="-h --help -v --verbose --version-check --enable-feature" kind=files ;;
        "cluster") words="show -o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "cluster show") words="-o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "config") words="convert routes show -o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "config convert") words="-h --help -v --verbose --version-check --enable-feature" kind=files ;;
        "config routes") words="show test --config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "config routes show") words="--config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "config routes test") words="--tree --verify.receivers --at --config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "config show") words="-o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "deadman") words="-o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "flock") words="-o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "healthy") words="--url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "history") words="--watch --alerts --after --outcome -r --receiver -o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "journal") words="check compact inspect -h --help -v --verbose --version-check --enable-feature" ;;
        "journal check") words="-h --help -v --verbose --version-check --enable-feature" kind=directories ;;
        "journal compact") words="-h --help -v --verbose --version-check --enable-feature" kind=directories ;;
        "journal inspect") words="-h --help -v --verbose --version-check --enable-feature" kind=directories ;;
        "key") words="new -h --help -v --verbose --version-check --enable-feature" ;;
        "key new") words="-h --help -v --verbose --version-check --enable-feature" ;;
        "notify") words="test --annotation --resolved --dry-run --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "notify test") words="--annotation --resolved --dry-run --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "owed") words="drop query retry -o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "owed drop") words="--url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "owed query") words="-o --output --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "owed retry") words="--url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "ping") words="--url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "routes") words="show test --config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "routes show") words="--config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "routes test") words="--tree --verify.receivers --at --config.file --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence") words="add expire import query show update --expired -q --quiet --created-by --id --within -o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence add") words="-d --duration --start --end -a --author -c --comment --require-comment --comment_required --annotation --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence expire") words="--url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence import") words="-f --force -w --worker --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" kind=files ;;
        "silence query") words="--expired -q --quiet --created-by --id --within -o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence show") words="-o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "silence update") words="-d --duration --start --end -c --comment -q --quiet -o --output --date.format --url --alertmanager.url --user --password-file --token-file --ca-file --cert-file --key-file --http.config.file --timeout -h --help -v --verbose --version-check --enable-feature" ;;
        "template") words="render --template.text --template.glob --template.type --template.data -h --help -v --verbose --version-check --enable-feature" ;;
        "template render") words="--template.text --template.glob --template.type --template.data -h --help -v --verbose --version-check --enable-feature" ;;
        esac
        ;;
    esac
    case $kind in
    files) _files ;;
    directories) _files -/ ;;
    esac
    local -a offered=(${=words})
    [[ $word == -* || -z $at ]] || offered=(${offered:#-*})
    [[ -n $at || $service != amtool ]] || offered=(${offered:#-*})
    (( ! $#offered )) || compadd -- $offered
}
# Loaded by its name it is asked at once; a script that is read only says what it is for.
if [[ ${funcstack[1]} == _bellwether ]]; then
    _bellwether "$@"
else
    compdef _bellwether bellwether amtool
fi
