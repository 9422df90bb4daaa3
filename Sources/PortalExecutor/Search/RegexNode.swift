/// A part of a regular expression.
final class RegexNode {
    enum Kind: UInt8 {
        /// Matches nothing at all, and that everywhere.
        case empty
        /// One scalar of the set.
        case set
        /// A place, and no text.
        case place
        /// One after another.
        case sequence
        /// Any one of them.
        case choice
        /// The first part, so many times.
        case loop
    }
    /// Conditions on what is on both sides of a place.
    enum Place: UInt8 {
        case lineStart, lineEnd, border, noBorder, wordStart, wordEnd, noWordBefore, noWordAfter
    }

    let kind: Kind
    var set = CodeSet()
    var place = Place.lineStart
    var parts: [RegexNode] = []
    var least = 0
    /// Negative for any number.
    var most = 0

    init(_ kind: Kind) { self.kind = kind }

    convenience init(set: CodeSet) {
        self.init(.set)
        self.set = set
    }

    convenience init(place: Place) {
        self.init(.place)
        self.place = place
    }

    /// A sequence or a choice; of one part, that part.
    static func of(_ kind: Kind, _ parts: [RegexNode]) -> RegexNode {
        if parts.count == 1 { return parts[0] }
        let node = RegexNode(parts.isEmpty ? .empty : kind)
        node.parts = parts
        return node
    }
}
