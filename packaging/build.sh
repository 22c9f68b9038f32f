#!/bin/bash
# Builds what is shipped: the check as one file, a Debian package and a tarball, with checksums.
#
#   packaging/build.sh [FOLDER]    default build-release, which is emptied first; any other must be
#                                  new or empty
#
# Takes SOURCE_DATE_EPOCH (default: the last commit's time) and DEB_MAINTAINER ("Name <address>")
# from the environment. The same sources, packages and SOURCE_DATE_EPOCH give the same bytes.
# tests/setup.sh release installs what this needs, then calls it.
set -eu
umask 022
# The distribution's own Python, which meson needs, before any other.
export LC_ALL=C TZ=UTC PATH="/usr/bin:/bin:$PATH"

root=$(cd "$(dirname "$0")/.." && pwd)
out=${1-$root/build-release}
name=stackstate-check-aws-flowlogs
library=libstackstate_check_aws_flowlogs.so
# The libraries of packaging/bundle/meson.build, by the packages that their archives come from.
bundled_packages="libcurl4-openssl-dev libssl-dev zlib1g-dev libjansson-dev libexpat1-dev libyaml-dev"
maintainer=${DEB_MAINTAINER-"$name maintainers <$name@users.noreply.github.com>"}

fail() { printf 'build.sh: %s\n' "$*" >&2; exit 1; }

prepare_folder()
{
    [ $# -gt 0 ] || rm -rf "$out"
    mkdir -p "$out"
    out=$(cd "$out" && pwd)
    [ -z "$(ls -A "$out")" ] || fail "$out is not empty"
    mkdir "$out/work"
    work=$out/work
}

set_date()
{
    [ -n "${SOURCE_DATE_EPOCH-}" ] || SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct) ||
        fail "set SOURCE_DATE_EPOCH: these sources are not in git"
    export SOURCE_DATE_EPOCH
}

# Paths of this machine would differ from build to build, so they are left out of what is compiled.
compile()
{
    local from_build map
    from_build=$(python3 -c 'import os, sys; print(os.path.relpath(*sys.argv[1:]))' \
        "$root" "$work/build")
    map="-ffile-prefix-map=$from_build/= -ffile-prefix-map=$work/build=/usr/src/$name"
    if ! { CFLAGS="$map -fstack-protector-strong -D_FORTIFY_SOURCE=2" LDFLAGS="-Wl,-z,relro,-z,now" \
            meson setup "$work/build" "$root" --prefix=/usr --wrap-mode=nodownload -Dwerror=true \
            -Dbundled=true -Dtests=false -Dpkgconfig.relocatable=true &&
            ninja -C "$work/build" &&
            meson install -C "$work/build" --no-rebuild --destdir "$work/stage"; } \
            </dev/null >"$work/log" 2>&1; then
        tail -n 40 "$work/log" >&2
        fail "the build failed; the whole log is in $work/log"
    fi
    find "$work/stage" -name __pycache__ -prune -exec rm -rf {} +
    version=$(meson introspect --projectinfo "$work/build" |
        python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
}

# Debug information goes into a file of its own, which a debugger finds beside the library.
split_debug()
{
    local file debug=$out/$library.debug
    objcopy --only-keep-debug "$work/stage/usr/lib/stackstate-checks/$library" "$debug"
    for file in "lib/stackstate-checks/$library" bin/check-host; do
        strip --strip-unneeded -R .comment "$work/stage/usr/$file"
    done
    objcopy --add-gnu-debuglink="$debug" "$work/stage/usr/lib/stackstate-checks/$library"
    # Loaded, not run.
    chmod 644 "$debug" "$work/stage/usr/lib/stackstate-checks/$library"
    cp -p "$work/stage/usr/lib/stackstate-checks/$library" "$out/"
}

# The oldest glibc that has all the symbol versions that the files ask for.
oldest_glibc()
{
    objdump -T "$work/stage/usr/lib/stackstate-checks/$library" "$work/stage/usr/bin/check-host" |
        grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -uV | tail -n 1
}

write_copyright()
{
    local package
    cat "$root/packaging/deb/copyright"
    for package in $bundled_packages; do
        printf '\n\n--- %s %s ---\n\n' "${package%-dev}" \
            "$(dpkg-query -W -f '${source:Upstream-Version}' "$package")"
        cat "/usr/share/doc/$package/copyright"
    done
}

list_built_using()
{
    # shellcheck disable=SC2086  # a list of words
    dpkg-query -W -f '${source:Package} (= ${source:Version}), ' $bundled_packages |
        sed 's/, $//'
}

fill()
{
    sed -e "s|@VERSION@|$version|g" -e "s|@GLIBC@|$glibc|g" -e "s|@MAINTAINER@|$maintainer|g" \
        -e "s|@DATE@|$(date -uR -d "@$SOURCE_DATE_EPOCH")|g" -e "s|@ARCHITECTURE@|$architecture|g" \
        -e "s|@INSTALLED_KIB@|${installed_kib-}|g" -e "s|@BUILT_USING@|$(list_built_using)|g" "$1"
}

set_times() { find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +; }

make_deb()
{
    local deb=$work/deb doc=$work/deb/usr/share/doc/$name installed_kib
    cp -a "$work/stage" "$deb"
    fill "$root/packaging/deb/changelog" | gzip -n9 >"$doc/changelog.gz"
    write_copyright >"$doc/copyright"
    gzip -n9 "$deb/usr/share/man/man1/check-host.1"
    chmod -R u+w,go-w "$deb"
    installed_kib=$(find "$deb" -type f -printf '%s\n' | awk '{n += int(($1 + 1023) / 1024)} END {print n}')
    mkdir -p "$deb/usr/share/lintian/overrides"
    cp "$root/packaging/deb/lintian-overrides" "$deb/usr/share/lintian/overrides/$name"
    mkdir "$deb/DEBIAN"
    (cd "$deb" && find usr -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    fill "$root/packaging/deb/control.in" >"$deb/DEBIAN/control"
    set_times "$deb"
    dpkg-deb --root-owner-group -Zxz --build "$deb" \
        "$out/${name}_${version}_$architecture.deb" >>"$work/log"
}

make_tarball()
{
    local top=$name-$version
    cp -a "$work/stage/usr" "$work/$top"
    fill "$root/packaging/INSTALL.txt" >"$work/$top/INSTALL.txt"
    cp "$root/LICENSE" "$work/$top/"
    write_copyright >"$work/$top/share/doc/$name/copyright"
    chmod -R u+w,go-w "$work/$top"
    tar -C "$work" --sort=name --format=gnu --owner=0 --group=0 --numeric-owner \
        --mtime="@$SOURCE_DATE_EPOCH" -cf - "$top" |
        gzip -n9 >"$out/$top-linux-$(uname -m).tar.gz"
}

prepare_folder "$@"
set_date
architecture=$(dpkg --print-architecture)
compile
grep -q "^$name ($version) " "$root/packaging/deb/changelog" ||
    fail "packaging/deb/changelog does not begin with version $version"
split_debug
glibc=$(oldest_glibc)
make_deb
make_tarball
(cd "$out" && sha256sum -- *.deb *.tar.gz "$library" "$library.debug" >SHA256SUMS)
[ -n "${KEEP_WORK-}" ] || rm -rf "$work"
printf 'Oldest glibc: %s\n' "$glibc"
(cd "$out" && ls -l | awk 'NR > 1 {print $5, $NF}')
