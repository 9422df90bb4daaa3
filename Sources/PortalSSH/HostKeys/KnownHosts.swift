import CLibssh2

/// What known_hosts files say about one host's keys: OpenSSH's rules on bytes.
struct KnownHosts: Sendable {
    /// One line that is about the host.
    struct Entry: Sendable, Hashable {
        var file: String
        /// From 1.
        var line: Int
        var isRevoked: Bool
        var keyType: String
        var key: [UInt8]
    }

    enum Verdict: Sendable, Hashable {
        case known
        /// No key of this type is known. `others`: keys of other types are.
        case unknown(others: [Entry])
        case changed(Entry)
        case revoked(Entry)
    }

    private(set) var entries: [Entry] = []

    /// The lines of the files about `name`: a host name, an address, or `[host]:port`, in lower case.
    init(files: [(path: String, contents: [UInt8])], name: String) {
        for file in files {
            var number = 0
            for line in file.contents.split(separator: 0x0A, omittingEmptySubsequences: false) {
                number += 1
                if let entry = KnownHosts.parse(Array(line), name: Array(name.utf8), file: file.path, number: number) {
                    entries.append(entry)
                }
            }
        }
    }

    /// The types that the host may prove itself with, in the order of the files.
    var keyTypes: [String] {
        var types: [String] = []
        for entry in entries where !entry.isRevoked && !types.contains(entry.keyType) { types.append(entry.keyType) }
        return types
    }

    func verdict(on key: [UInt8]) -> Verdict {
        if let entry = entries.first(where: { $0.isRevoked && $0.key == key }) { return .revoked(entry) }
        let usable = entries.filter { !$0.isRevoked }
        if usable.contains(where: { $0.key == key }) { return .known }
        let type = PortalSSH.keyType(ofBlob: key)
        if let entry = usable.first(where: { $0.keyType == type }) { return .changed(entry) }
        return .unknown(others: usable)
    }

    private static func parse(_ line: [UInt8], name: [UInt8], file: String, number: Int) -> Entry? {
        var fields = line.split(maxSplits: 4, whereSeparator: { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D })[...]
        guard let first = fields.first, first.first != UInt8(ascii: "#") else { return nil }
        var isRevoked = false
        if first.first == UInt8(ascii: "@") {
            // @cert-authority vouches for certificates, which libssh2 cannot check; it says nothing about plain keys.
            guard first.elementsEqual("@revoked".utf8) else { return nil }
            isRevoked = true
            fields = fields.dropFirst()
        }
        guard fields.count >= 3, let key = decodeBase64(fields[fields.startIndex + 2]), !key.isEmpty else { return nil }
        guard matches(fields[fields.startIndex], name) else { return nil }
        let type = PortalSSH.keyType(ofBlob: key)
        guard fields[fields.startIndex + 1].elementsEqual(type.utf8) else { return nil }
        return Entry(file: file, line: number, isRevoked: isRevoked, keyType: type, key: key)
    }

    // MARK: Names

    /// A comma-separated list of patterns, or one hashed name.
    static func matches(_ field: some Sequence<UInt8>, _ name: [UInt8]) -> Bool {
        let field = Array(field)
        if field.starts(with: "|1|".utf8) { return matchesHash(field.dropFirst(3), name) }
        var isMatch = false
        for pattern in field.split(separator: UInt8(ascii: ",")) {
            var pattern = pattern
            let isNegated = pattern.first == UInt8(ascii: "!")
            if isNegated { pattern = pattern.dropFirst() }
            if wildcard(Array(pattern.map(lowercase)), name) {
                if isNegated { return false }
                isMatch = true
            }
        }
        return isMatch
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 32 : byte }

    private static func matchesHash(_ field: ArraySlice<UInt8>, _ name: [UInt8]) -> Bool {
        let parts = field.split(separator: UInt8(ascii: "|"))
        guard parts.count == 2, let salt = decodeBase64(parts[0]), let hash = decodeBase64(parts[1]) else { return false }
        return hash == self.hash(name, salt: salt)
    }

    static func hash(_ name: [UInt8], salt: [UInt8]) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: 20)
        guard portal_hmac_sha1(salt, salt.count, name, name.count, &result) == 0 else { return [] }
        return result
    }

    /// `*` is any run of bytes, `?` any one. Linear back-tracking: only the last `*` is ever retried.
    static func wildcard(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
        var p = 0
        var t = 0
        var star: Int?
        var resume = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
                star = p
                resume = t
                p += 1
            } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let last = star {
                p = last + 1
                resume += 1
                t = resume
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
