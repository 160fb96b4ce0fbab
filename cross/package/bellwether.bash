# bash completion for bellwether                           -*- shell-script -*-

_bellwether() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    # `--flag=value` comes as three words.
    [[ $word == = ]] && word=
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    case $before in
    --config.file | --storage.path | --cluster.key-file | check-config | journal)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --log.level)
        mapfile -t COMPREPLY < <(compgen -W "debug info warn error" -- "$word")
        return
        ;;
    --log.format)
        mapfile -t COMPREPLY < <(compgen -W "logfmt json" -- "$word")
        return
        ;;
    esac
    local words
    words=$("${COMP_WORDS[0]}" --help 2>/dev/null | grep -oE '^( *-h, |usage: bellwether | +bellwether | +)(--)?[a-z][a-z.-]*' |
        sed 's/.* //')
    [[ $COMP_CWORD -eq 1 || $word == -* ]] || words=
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _bellwether bellwether
