import Glibc
internal import Tensors

/// The rules of the last training on disk, so that a start needs no training: as long as the same adapters have the same examples.
///
/// One file an encoder, overwritten by each training: 8 bytes `lmoerul1`, 32 bytes of the key, u64 adapters, landmarks and feature
/// dimension, f32 feature scale and 4 bytes of zero, four f64 of the calibration, then landmarks and weights, f32, and the digest of all
/// that, 32 bytes; little-endian. A file with another key, size or digest is a miss. The eight bytes change whenever training does.
struct RuleCache: Sendable {
    struct Rules: Sendable {
        var map: FeatureMap
        /// `[adapters, map.dimension]`
        var weights: [Float]
        var calibration: Calibration
    }

    let folder: String
    /// Of the encoder.
    let identity: String

    private static let magic: [UInt8] = Array("lmoerul1".utf8)
    private static let headerBytes = 8 + 32 + 3 * 8 + 8 + 4 * 8
    private static let digestBytes = 32

    /// What rules depend on.
    static func key(_ set: TrainingSet, neighbours: Int) -> ContentDigest {
        let constants = "\(RidgeFit.ridge) \(FeatureMap.mostLandmarks) \(neighbours) \(set.distanceRange) \(set.featureDimension)"
        return ContentDigest(
            of: [ContentDigest(of: constants)] + set.groups.flatMap { [ContentDigest(of: "\($0.name) \($0.adapter ?? -1)"), $0.features.digest] })
    }

    func load(_ key: ContentDigest, _ set: TrainingSet) -> Rules? {
        guard let file = try? MappedFile(path: path), file.size >= Self.headerBytes else { return nil }
        return file.withUnsafeBytes { bytes in
            guard bytes[..<8].elementsEqual(Self.magic), bytes[8..<40].elementsEqual(key.rawBytes) else { return nil }
            func count(_ place: Int) -> Int { Int(truncatingIfNeeded: bytes.loadUnaligned(fromByteOffset: 40 + 8 * place, as: UInt64.self)) }
            let (adapters, landmarks, dimension) = (count(0), count(1), count(2))
            let distances = set.distanceRange.count
            guard adapters == set.adapters, dimension == set.featureDimension, (0...FeatureMap.mostLandmarks.few).contains(landmarks),
                bytes.count == Self.headerBytes + 4 * (landmarks * distances + adapters * (dimension + landmarks)) + Self.digestBytes,
                bytes[(bytes.count - Self.digestBytes)...].elementsEqual(
                    ContentDigest(of: UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - Self.digestBytes)])).rawBytes)
            else { return nil }
            func floats(_ start: Int, _ count: Int) -> [Float] {
                [Float](unsafeUninitializedCapacity: count) { buffer, filled in
                    if count > 0 { UnsafeMutableRawBufferPointer(buffer).copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[start..<start + 4 * count])) }
                    filled = count
                }
            }
            let numbers = (0..<4).map { bytes.loadUnaligned(fromByteOffset: 72 + 8 * $0, as: Double.self) }
            let map = FeatureMap(
                unitLandmarks: floats(Self.headerBytes, landmarks * distances), count: landmarks, featureDimension: dimension,
                distanceRange: set.distanceRange, featureScale: bytes.loadUnaligned(fromByteOffset: 64, as: Float.self))
            return Rules(
                map: map, weights: floats(Self.headerBytes + 4 * landmarks * distances, adapters * map.dimension),
                calibration: Calibration(bias: numbers[0], scoreWeight: numbers[1], nearnessWeight: numbers[2], sharpness: numbers[3]))
        }
    }

    /// Failures are silent: they cost the next start its time.
    func store(_ rules: Rules, _ key: ContentDigest, adapters: Int) {
        mkdir(folder, 0o755)
        var bytes = Self.magic + key.rawBytes
        func add(_ value: some BitwiseCopyable) { withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) } }
        for value in [adapters, rules.map.landmarkCount, rules.map.featureDimension] { add(UInt64(value).littleEndian) }
        add(rules.map.featureScale)
        add(UInt32(0))
        let calibration = rules.calibration
        for value in [calibration.bias, calibration.scoreWeight, calibration.nearnessWeight, calibration.sharpness] { add(value) }
        rules.map.landmarks.withUnsafeBytes { bytes.append(contentsOf: $0) }
        rules.weights.withUnsafeBytes { bytes.append(contentsOf: $0) }
        bytes += ContentDigest(of: bytes).rawBytes
        StoredFile.write(bytes, to: path)
    }

    private var path: String { "\(folder)/rules-\(ContentDigest(of: identity).hexadecimal.prefix(16)).bin" }
}
