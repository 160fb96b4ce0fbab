# bash completion for bellwether                           -*- shell-script -*-

# Flags and subcommands are those that `bellwether --help` tells of.
_bellwether() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} subcommand= words
    # `--flag=value` comes as three words.
    [[ $word == = ]] && word=
    [[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
    [[ $COMP_CWORD -gt 1 && ${COMP_WORDS[1]} != -* ]] && subcommand=${COMP_WORDS[1]}
    case $before in
    --config.file | --cluster.key-file) words=$(compgen -f -- "$word") ;;
    --storage.path) words=$(compgen -d -- "$word") ;;
    --log.level) words=$(compgen -W "debug info warn error" -- "$word") ;;
    --log.format) words=$(compgen -W "logfmt json" -- "$word") ;;
    --storage.durability) words=$(compgen -W "sync interval off" -- "$word") ;;
    --url) words= ;;
    *)
        words=$("${COMP_WORDS[0]}" --help 2>/dev/null)
        if [[ $subcommand ]]; then
            # What its line of usage has in small letters: `journal inspect|check|compact DIR`, `flock [--url URL]`.
            words=$(sed -n "s/^.*bellwether $subcommand / /p" <<<"$words" 2>/dev/null | grep -oE '(^| |[[|])(--)?[a-z]+' | tr -d ' [|')
            [[ $word != -* ]] || words+=" --help"
            [[ $COMP_CWORD -eq 2 || $word == -* ]] || words=
        else
            words=$(grep -oE '^( *-h, |usage: bellwether | +bellwether | +)(--)?[a-z][a-z.-]*' <<<"$words" | sed 's/.* //')
            [[ $COMP_CWORD -eq 1 || $word == -* ]] || words=
        fi
        words=$(compgen -W "$words" -- "$word")
        ;;
    esac
    COMPREPLY=()
    [[ -z $words ]] || mapfile -t COMPREPLY <<<"$words"
}
complete -o default -F _bellwether bellwether
