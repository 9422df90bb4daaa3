/// The one command that finds, or receives, and starts the executor.
///
/// It passes through whatever login shell the user has, so it holds no single quote, exclamation mark, newline or double backslash,
/// and is one word in single quotes for all of them: `exec /bin/sh -c '…'`.
enum BootstrapScript {
    static func command(images: [ExecutorImage], token: String, arguments: [String]) throws(SSHError) -> String {
        guard !token.isEmpty, token.utf8.allSatisfy(isHex) else {
            throw SSHError(.invalidArgument, "The token is not hexadecimal.")
        }
        var machines = ""
        for image in images {
            guard let names = unames[image.machine], image.sha256Hex.utf8.count == 64, image.sha256Hex.utf8.allSatisfy(isHex),
                image.size > 0
            else {
                throw SSHError(
                    .invalidArgument, "The executor image for \"\(image.machine)\" is not usable: its machine, hash or size is wrong.")
            }
            machines += "\(names)) m=\(image.machine) h=\(image.sha256Hex) n=\(image.size);; "
        }
        var more = ""
        for argument in arguments { more += " " + (try quote(argument)) }
        return "exec /bin/sh -c '"
            + script.replacing("@TOKEN@", token).replacing("@MACHINES@", machines).replacing("@ARGUMENTS@", more) + "'"
    }

    /// What `uname -m` says for each machine that images are built for.
    private static let unames = [
        "x86_64": "x86_64|amd64", "aarch64": "aarch64|arm64", "armv7": "armv6l|armv7l|armv8l", "i686": "i386|i486|i586|i686",
        "riscv64": "riscv64",
    ]

    private static func isHex(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

    /// An argument as one word of the script: what is not plain goes through printf as octal.
    private static func quote(_ argument: String) throws(SSHError) -> String {
        let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./=:,@%+-".utf8
        guard argument.utf8.last != 0x0A, !argument.utf8.contains(0) else {
            throw SSHError(.invalidArgument, "An argument for the executor ends in a newline or holds a zero byte.")
        }
        var octal = ""
        var isPlain = !argument.isEmpty
        for byte in argument.utf8 {
            if !plain.contains(byte) { isPlain = false }
            let digits = String(byte, radix: 8)
            octal += "\\" + String(repeating: "0", count: 3 - digits.utf8.count) + digits
        }
        return isPlain ? argument : "\"$(printf \"\(octal)\")\""
    }

    /// One line per thought; joined with spaces.
    ///
    /// `s` says one line to this side. `o` is true for a directory that may be trusted: one below a shared directory must be ours alone.
    /// A directory is taken only when a file can be run in it and the whole image fits; both are tried before the image is asked for, because
    /// it comes once. The image is written over the reserved bytes (`1<>` does not truncate). The executor checks its own file and says its hash, so
    /// truncation, a wrong machine and noexec all show there. Space is tried with printf's zeros, which are no
    /// program and which are cut from what a shell says of them: a chroot need not have /dev/zero. Rename last: several links may do this at once.
    private static let script = [
        #"umask 077; T=@TOKEN@; s(){ printf "\001\002portal $T %s\003\n" "$*"; };"#,
        #"m=$(uname -m 2>/dev/null); case "$m" in @MACHINES@*) s fail machine "${m:-unknown}"; exit 1;; esac;"#,
        #"u=$(id -u 2>/dev/null) || u=${USER:-user};"#,
        #"set --; [ -z "$XDG_CACHE_HOME" ] || set -- "$XDG_CACHE_HOME/portal"; [ -z "$HOME" ] || set -- "$@" "$HOME/.cache/portal";"#,
        #"set -- "$@" "/tmp/portal-$u" "/dev/shm/portal-$u";"#,
        #"o(){ case "$1" in /tmp/portal-*|/dev/shm/portal-*) case "$(ls -ld "$1" 2>/dev/null)" in drwx------*) [ -O "$1" ];; *) false;; esac;; esac; };"#,
        #"for d; do p="$d/executor-$h"; o "$d" && [ -x "$p" ] && exec "$p" serve $T@ARGUMENTS@; done;"#,
        #"w=; t=; g=; z(){ [ -z "$t" ] || rm -f "$t"; }; trap z 0; trap "exit 1" 1 2 13 15;"#,
        #"for d; do"#,
        #"e=$(mkdir -p "$d" 2>&1) || { w="$w; $d: $e"; continue; };"#,
        #"o "$d" || { w="$w; $d: not a directory of this user alone"; continue; };"#,
        #"t="$d/.executor-$T";"#,
        ##"e=$({ printf "#\041/bin/sh\nexit 0\n" >"$t" && chmod 700 "$t"; } 2>&1) || { w="$w; $d: $e"; z; t=; continue; };"##,
        #"e=$("$t" 2>&1) || { w="$w; $d: programs cannot run there (noexec): $e"; z; t=; continue; };"#,
        #"e=$({ printf "%0${n}d" 0 >"$t"; } 2>&1) || { w="$w; $d: nospace: $e"; z; t=; continue; };"#,
        #"g=1; break; done;"#,
        #"[ -n "$g" ] || { s fail nowhere "$n$w"; exit 1; };"#,
        #"s need $m $n;"#,
        #"if head -c 1 "$t" >/dev/null 2>&1; then head -c $n; else dd bs=1 count=$n 2>/dev/null; fi 1<>"$t";"#,
        #"e=$("$t" check "$t" $h 2>&1); [ "$e" = $h ] || { s fail check "$d: ${e%%0000000000*}"; exit 1; };"#,
        #"e=$(mv -f "$t" "$d/executor-$h" 2>&1) || { s fail check "$d: $e"; exit 1; };"#,
        #"t=; exec "$d/executor-$h" serve $T@ARGUMENTS@"#,
    ].joined(separator: " ")
}

extension String {
    /// Without Foundation: every occurrence of a placeholder.
    fileprivate func replacing(_ placeholder: String, _ value: String) -> String {
        var result = ""
        var rest = self[...]
        while let at = rest.firstIndex(of: "@") {
            result += rest[..<at]
            rest = rest[at...]
            if rest.hasPrefix(placeholder) {
                result += value
                rest = rest.dropFirst(placeholder.count)
            } else {
                result.append(rest.removeFirst())
            }
        }
        return result + rest
    }
}
