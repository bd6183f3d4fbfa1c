/// Which modules of the base an adapter changes, by the rules of PEFT 0.21 (`check_target_module_exists`).
struct ModuleSelection: Sendable {
    /// Names, or one regular expression.
    enum Names: Sendable {
        /// A module is meant by its whole path or by a suffix that begins at a dot.
        case list(Set<String>)
        /// The whole path has to match.
        case pattern(ModulePattern)
        /// `"all-linear"`: every linear module but the output head.
        case allLinear
    }

    var targets: Names
    var excluded: Names?
    /// `layers_to_transform`; nil for all layers.
    var layers: Set<Int>?
    /// `layers_pattern`: names of the list of layers, each a pattern; empty for any name.
    var layerLists: [ModulePattern] = []

    /// Whether the module of that path gets a delta. `isLinear`: what `all-linear` means.
    /// `suffixes`: those of the path, where the caller has them.
    func contains(_ path: String, suffixes: [String]? = nil, isLinear: Bool = true) -> Bool {
        switch excluded {
        case .list(let names)? where (suffixes ?? Self.suffixes(path)).contains(where: names.contains): return false
        case .pattern(let pattern)? where pattern.matches(path): return false
        default: break
        }
        switch targets {
        case .allLinear: return isLinear
        case .pattern(let pattern): return pattern.matches(path)
        case .list(let names):
            // A whole path is meant as it stands: the filter by layer does not apply.
            if names.contains(path) { return true }
            guard (suffixes ?? Self.suffixes(path)).contains(where: names.contains) else { return false }
            guard let layers else { return true }
            return layerIndex(path).map(layers.contains) ?? false
        }
    }

    /// Entries of a list of targets that match no path of `paths`.
    func unusedTargets(among paths: [String]) -> [String] {
        guard case .list(let names) = targets else { return [] }
        return names.subtracting(paths.flatMap(Self.suffixes)).sorted()
    }

    /// The path and what follows each of its dots: few, whatever a configuration lists.
    static func suffixes(_ path: String) -> [String] {
        var suffixes = [path]
        for (index, byte) in zip(path.utf8.indices, path.utf8) where byte == UInt8(ascii: ".") {
            suffixes.append(String(path[path.utf8.index(after: index)...]))
        }
        return suffixes
    }

    /// The first segment that is a number and follows the list of layers: `model.layers.3.mlp` is in layer 3. Without
    /// a `layers_pattern` any name may precede it, but not the first of the path.
    private func layerIndex(_ path: String) -> Int? {
        let segments = path.split(separator: ".", omittingEmptySubsequences: false)
        for position in segments.indices.dropLast() {
            guard !segments[position].isEmpty, segments[position].utf8.allSatisfy(ByteSet.digits.contains),
                let index = Int(segments[position])
            else { continue }
            if layerLists.isEmpty {
                if position >= 2 { return index }
            } else {
                let list = segments[..<position].joined(separator: ".")
                if layerLists.contains(where: { $0.matches(list) }) { return index }
            }
        }
        return nil
    }
}
