# Read by the commands beside it, which set: bin (this folder) and main (the program, from the checkout's root).
# Replaces the shell with Node, so that signals and the exit code are the program's own.
case $bin in
  /*) ;;
  *) bin=$PWD/$bin ;; # --require takes a name without a leading / for a package
esac
node=$bin/../node_modules/.bin/node
if [ ! -x "$node" ]; then
  # Nothing was brought along (another platform, or `npm ci --omit=optional`): the system's Node will do, if it runs .ts files.
  node=node
  version=$(node --version 2>/dev/null) || version=none
  major=${version#v}
  major=${major%%.*}
  if ! [ "$major" -ge 24 ] 2>/dev/null; then
    echo "${0##*/}: needs Node 24 or later (found: $version): install it, or run \`npm ci\` in the checkout" >&2
    exit 69
  fi
fi
exec "$node" --require "$bin/compile-cache.cjs" "$bin/../$main" "$@"
