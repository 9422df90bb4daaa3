extension JSONValue {
    /// A byte string that must be there and hold no NUL, as paths and arguments demand.
    func requiredBytes(_ name: Literal) throws(OperationError) -> [UInt8] {
        guard let value = try optionalBytes(name) else { throw .parameter(name, "is missing") }
        return value
    }

    /// A byte string without NUL, or nil.
    func optionalBytes(_ name: Literal) throws(OperationError) -> [UInt8]? {
        guard let member = self[name] else { return nil }
        guard let value = member.bytes else { throw .parameter(name, "is not a byte string") }
        guard !value.contains(0) else { throw .parameter(name, "has a NUL byte") }
        return value
    }

    /// A path that must be there, of bounded length and not empty.
    func requiredPath(_ name: Literal) throws(OperationError) -> [UInt8] {
        let path = try requiredBytes(name)
        guard !path.isEmpty else { throw .parameter(name, "is empty") }
        guard path.count <= Limits.pathLength else { throw .parameter(name, "is longer than 4095 bytes") }
        return path
    }

    /// The directory that relative paths start from, or nil for the home directory.
    func directory() throws(OperationError) -> [UInt8]? {
        self["cwd"] == nil ? nil : try requiredPath("cwd")
    }

    func flag(_ name: Literal, default value: Bool = false) throws(OperationError) -> Bool {
        guard let member = self[name] else { return value }
        guard let flag = member.bool else { throw .parameter(name, "is not true or false") }
        return flag
    }

    // Not a default of the other: every place that calls it would have the number.
    @inline(never)
    func optionalUnsigned(_ name: Literal) throws(OperationError) -> UInt64? { try optionalUnsigned(name, maximum: UInt64(Int64.max)) }

    func optionalUnsigned(_ name: Literal, maximum: UInt64) throws(OperationError) -> UInt64? {
        guard let member = self[name] else { return nil }
        guard let number = member.unsigned, number <= maximum else { throw .parameter(name, "is not a number in its range") }
        return number
    }

    func optionalSigned(_ name: Literal) throws(OperationError) -> Int64? {
        guard let member = self[name] else { return nil }
        // The least number stands for "as it is" towards the system.
        guard let number = member.integer, number > Int64.min else { throw .parameter(name, "is not a number in its range") }
        return number
    }

    /// The number of the choice that a parameter names, 0 where it is not there.
    /// - Parameter nameOf: The names, by their numbers from 0 on.
    @inline(never)
    func choice(_ name: Literal, _ nameOf: (UInt8) -> Literal?) throws(OperationError) -> UInt8 {
        guard let wanted = try optionalBytes(name) else { return 0 }
        var number: UInt8 = 0
        while let choice = nameOf(number) {
            if wanted.equals(choice) { return number }
            number += 1
        }
        throw .parameter(name, "is none that exists")
    }

    func byteStrings(_ name: Literal) throws(OperationError) -> [[UInt8]]? {
        guard let member = self[name] else { return nil }
        guard let elements = member.array else { throw .parameter(name, "is not an array") }
        var strings: [[UInt8]] = []
        for element in elements {
            guard let bytes = element.bytes, !bytes.contains(0) else { throw .parameter(name, "has an element that is no byte string") }
            strings.append(bytes)
        }
        return strings
    }
}

extension OperationError {
    /// A parameter that cannot be used.
    static func parameter(_ name: Literal, _ problem: Literal) -> OperationError {
        var message: [UInt8] = []
        message.append("parameter ")
        message.append(name)
        message.append(" ")
        message.append(problem)
        return OperationError(.invalid, message)
    }
}
