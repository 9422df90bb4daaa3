import PortalWire

/// Takes an object out of others, where it is there.
@inline(never)
func remove<Object: AnyObject>(_ object: Object, from objects: inout [Object]) {
    for index in 0..<objects.count {
        if objects[index] === object {
            objects.remove(at: index)
            return
        }
    }
}

extension Array {
    /// Like `append`, which the compiler takes into its callers; this is one function, and the same for all kinds of objects and arrays.
    @inline(never)
    mutating func add(_ element: Element) { append(element) }
}

extension [UInt8] {
    /// Like the standard library's, which has its own code for each kind of sequence that is appended.
    @inline(never)
    static func + (left: [UInt8], right: [UInt8]) -> [UInt8] {
        var sum = left
        sum.add(right)
        return sum
    }
}
