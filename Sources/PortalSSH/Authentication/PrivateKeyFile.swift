/// What can be told of a private key file without its passphrase.
struct PrivateKeyFile: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        case rsa, other
        /// A security key (FIDO): only the device can sign.
        case hardware
    }

    var path: String
    var kind: Kind
    var isEncrypted: Bool
    /// The public half, if the file or its `.pub` neighbour shows it.
    var publicKey: [UInt8]?

    /// nil: not a private key in a form that is known here.
    init?(path: String, contents: [UInt8], publicContents: [UInt8]?) {
        self.path = path
        publicKey = publicContents.flatMap(PrivateKeyFile.publicKey)
        let text = String(decoding: contents, as: UTF8.self)
        guard let begin = text.range(ofText: "-----BEGIN "), let dashes = text[begin...].dropFirst(11).range(ofText: "-----") else {
            return nil
        }
        let label = text[text.index(begin, offsetBy: 11)..<dashes]
        isEncrypted = false
        kind = .other
        switch label {
        case "OPENSSH PRIVATE KEY":
            let body = text[dashes...].dropFirst(5)
            guard let end = body.range(ofText: "-----END"), let blob = decodeBase64(body[..<end].utf8),
                blob.starts(with: "openssh-key-v1\0".utf8)
            else { return nil }
            // cipher, key derivation and its options, number of keys, then the public key: all in the clear.
            var reader = SSHReader(Array(blob.dropFirst(15)))
            guard let cipher = reader.string(), reader.string() != nil, reader.string() != nil, reader.number() != nil,
                let key = reader.string()
            else { return nil }
            isEncrypted = !cipher.elementsEqual("none".utf8)
            publicKey = key
        case "RSA PRIVATE KEY": kind = .rsa
        case "ENCRYPTED PRIVATE KEY": isEncrypted = true
        case "EC PRIVATE KEY", "PRIVATE KEY", "DSA PRIVATE KEY": break
        default: return nil
        }
        if text.range(ofText: "Proc-Type: 4,ENCRYPTED") != nil { isEncrypted = true }
        if let publicKey {
            let type = keyType(ofBlob: publicKey)
            if type == "ssh-rsa" { kind = .rsa } else if type.hasPrefix("sk-") { kind = .hardware }
        }
    }

    /// The blob of a one-line public key file (`type base64 comment`).
    static func publicKey(_ contents: [UInt8]) -> [UInt8]? {
        let fields = contents.prefix { $0 != 0x0A }.split(maxSplits: 2, whereSeparator: { $0 == 0x20 || $0 == 0x09 })
        guard fields.count >= 2, let blob = decodeBase64(fields[1]), !blob.isEmpty, fields[0].elementsEqual(keyType(ofBlob: blob).utf8)
        else { return nil }
        return blob
    }
}

extension StringProtocol {
    /// Where the text begins; nil when it is not in here.
    fileprivate func range(ofText text: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(text) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}
