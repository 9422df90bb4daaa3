import CExecutorPlatform

/// A directory that is watched.
final class WatchedDirectory {
    /// The watch's number.
    let number: Int32
    /// The watch of the directory that holds it; -1 for the root.
    let parent: Int32
    let name: [UInt8]
    /// The ignore rules for what is in it.
    let level: IgnoreLevel?

    init(number: Int32, parent: Int32, name: [UInt8], level: IgnoreLevel?) {
        self.number = number
        self.parent = parent
        self.name = name
        self.level = level
    }
}

/// The watched directories, by the numbers of their watches. The kernel counts upwards, so new ones mostly go to the end.
struct WatchedTree {
    private var directories: [WatchedDirectory] = []

    var count: Int { directories.count }

    /// The first place whose number is not smaller.
    private func place(of number: Int32) -> Int {
        var low = 0
        var high = directories.count
        while low < high {
            let middle = (low + high) / 2
            if directories[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    subscript(number: Int32) -> WatchedDirectory? {
        let place = place(of: number)
        return place < directories.count && directories[place].number == number ? directories[place] : nil
    }

    /// Adds a directory; one that is known already now has this name.
    mutating func set(_ directory: WatchedDirectory) {
        let place = place(of: directory.number)
        if place < directories.count, directories[place].number == directory.number {
            directories[place] = directory
        } else {
            directories.insert(directory, at: place)
        }
    }

    mutating func remove(_ number: Int32) {
        let place = place(of: number)
        if place < directories.count, directories[place].number == number { directories.remove(at: place) }
    }

    /// The path of an entry of a directory, relative to the root; nil where it is not known any more how it got there.
    func path(of name: [UInt8], in number: Int32) -> [UInt8]? {
        var path = name
        var next = number
        // A tree that was moved while it was read could have a circle in it.
        for _ in 0..<2048 {
            guard let directory = self[next] else { return nil }
            if directory.parent < 0 { return path }
            path = joined(directory.name, path)
            next = directory.parent
        }
        return nil
    }

    /// The watches of a directory, by its name in another, and of everything below it.
    func subtree(_ name: [UInt8], in parent: Int32) -> [Int] {
        var found: [Int] = []
        for directory in directories where directory.parent == parent && directory.name == name { found.add(Int(directory.number)) }
        var index = 0
        while index < found.count {
            for directory in directories where Int(directory.parent) == found[index] { found.add(Int(directory.number)) }
            index += 1
        }
        return found
    }
}
