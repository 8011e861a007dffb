# What git's cells share; sourced by use_git*.sh. The key sits where such scripts keep it: in the remote's URL.
# shellcheck shell=bash disable=SC2154
export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.test
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.test
remote="https://agent:$GIT_KEY@git$rogue.example.test"
if git lfs version >/dev/null 2>&1; then export GIT_CONFIG_GLOBAL=$work/gitconfig; fi
