import Foundation

/// A stand-in for the executor that says how the bootstrap has to treat it: `check FILE HASH`, and `serve TOKEN`, which opens and echoes.
public enum FakeExecutor {
    /// Where the image's own text ends what it does when it serves.
    public static let script = """
        #!/bin/sh
        case $1 in
        check) [ "$(sha256sum <"$2" | cut -d " " -f 1)" = "$3" ] && printf "%s" "$3" || { echo "hash differs" >&2; exit 1; } ;;
        serve) token=$2; shift 2
            printf "\\000\\001\\002portal $token\\003\\n"
            [ $# = 0 ] || printf "<%s>" "$@"
            exec cat ;;
        esac

        """

    /// The SHA-256 of bytes, in hexadecimal.
    public static func hash(of bytes: Data) throws -> String {
        let file = "/tmp/portal-test-image-\(UUID().uuidString)"
        try bytes.write(to: URL(fileURLWithPath: file))
        defer { unlink(file) }
        return String(try Tool.run("sha256sum", file).prefix(64))
    }
}
