import DoorSupport
import PortalWire

/// A Jupyter notebook as a model reads it: its cells, with what they printed.
enum Notebook {
    private static let bounds: JSONBounds = {
        var bounds = JSONBounds()
        bounds.depth = 64
        bounds.values = 500_000
        bounds.replacesLoneSurrogates = true
        return bounds
    }()
    /// Characters of one cell's outputs that are shown.
    private static let mostOutput = 10_000

    /// Nil for what is no notebook.
    /// - Parameter most: Bytes of text that are shown.
    static func shown(_ content: [UInt8], most: Int) -> ToolResult? {
        guard let notebook = try? JSONParser.parse(content, bounds), let cells = notebook.array("cells") else { return nil }
        let language = notebook["metadata"]?["language_info"]?.text("name") ?? "python"
        var pieces: [ToolResult.Content] = []
        var text = ""
        for (index, cell) in cells.enumerated() {
            let identifier = cell.text("id") ?? "cell-\(index)"
            let kind = cell.text("cell_type") ?? "code"
            var about = kind == "code" ? "" : "<cell_type>\(kind)</cell_type>"
            if kind == "code", language != "python" { about += "<language>\(language)</language>" }
            if !text.isEmpty { text += "\n" }
            text += "<cell id=\"\(identifier)\">\(about)\(joined(cell["source"]))</cell id=\"\(identifier)\">"
            for output in cell.array("outputs") ?? [] {
                let (printed, image) = outcome(output)
                if !printed.isEmpty { text += "\n\(printed)\n" }
                if let image {
                    pieces.append(.text(Array(text.utf8)))
                    pieces.append(image)
                    text = ""
                }
            }
            if text.utf8.count > most {
                text += "\n(cells from \(index + 1) on are left out: the notebook is long; jq in Bash shows single ones)"
                break
            }
        }
        if !text.isEmpty || pieces.isEmpty { pieces.append(.text(Array(text.utf8))) }
        return ToolResult(pieces)
    }

    /// Texts in notebooks are strings or arrays of their lines.
    private static func joined(_ value: JSONValue?) -> String {
        value?.text ?? (value?.array ?? []).compactMap(\.text).joined()
    }

    private static func outcome(_ output: JSONValue) -> (String, ToolResult.Content?) {
        var printed = ""
        var image: ToolResult.Content?
        switch output.text("output_type") {
        case "stream": printed = joined(output["text"])
        case "error":
            printed =
                "\(output.text("ename") ?? "Error"): \(output.text("evalue") ?? "")\n"
                + (output.array("traceback") ?? []).compactMap(\.text)
                .joined(separator: "\n")
        default:
            let data = output["data"]
            printed = joined(data?["text/plain"])
            for (name, type) in [("image/png" as Literal, "image/png"), ("image/jpeg", "image/jpeg")] {
                let encoded = joined(data?[name]).utf8.filter { $0 > 0x20 }
                if image == nil, !encoded.isEmpty, let bytes = Base64.decode(encoded) { image = .image(bytes, type: type) }
            }
        }
        if printed.unicodeScalars.count > mostOutput {
            printed =
                String(String.UnicodeScalarView(printed.unicodeScalars.prefix(mostOutput))) + "\n(the rest of this output is left out)"
        }
        return (printed, image)
    }
}
