/// Objects by number, searched from front to back: the most that can be in it (`Limits.openRequests`) are 64 KB of numbers, a few microseconds.
/// A `Dictionary` would bring three kilobytes of code for each of its types, and the hashing.
struct NumberTable<Object: AnyObject> {
    private var numbers: [UInt64] = []
    private(set) var objects: [Object] = []

    var count: Int { numbers.count }

    subscript(number: UInt64) -> Object? {
        guard let index = index(of: number) else { return nil }
        return objects[index]
    }

    /// The number must not be in use.
    mutating func insert(_ object: Object, for number: UInt64) {
        numbers.add(number)
        objects.add(object)
    }

    mutating func remove(_ number: UInt64) -> Object? {
        guard let index = index(of: number) else { return nil }
        let object = objects[index]
        let last = numbers.count - 1
        numbers[index] = numbers[last]
        objects[index] = objects[last]
        numbers.removeLast()
        objects.removeLast()
        return object
    }

    /// An object gets another number, which must not be in use.
    mutating func renumber(_ number: UInt64, as other: UInt64) {
        if let index = index(of: number) { numbers[index] = other }
    }

    private func index(of number: UInt64) -> Int? {
        for index in 0..<numbers.count where numbers[index] == number { return index }
        return nil
    }
}
