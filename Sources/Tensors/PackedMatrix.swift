internal import CKernels
internal import Synchronization

/// A weight matrix `[outputs, inputs]`, repacked for products with int8 activations.
///
/// Groups of 16 outputs are interleaved, so that a vector lane is an output and no sum crosses lanes. Quantised types keep their bits,
/// so a matrix takes as much memory as in its file and nothing is rounded; f32, f16 and bf16 are rounded to 8 bits and a f16 scale a
/// block of 32 inputs.
///
/// One order of operations a row, in every instruction set and for any number of rows: a row's outputs have the same bits alone
/// and in any batch.
///
/// `@unchecked Sendable`: written in `init` and `pack` only, before it is shared.
public final class PackedMatrix: @unchecked Sendable {
    public let outputs: Int
    public let inputs: Int
    /// Bytes of the packed weights.
    public let byteCount: Int
    /// Groups of 16 outputs.
    private let panels: Int
    /// Keeps `bytes` alive.
    private let memory: MatrixMemory
    private let bytes: UnsafeMutablePointer<UInt8>
    private let weights: ck_packed

    /// Reads and packs all of `view`, `[outputs, inputs]`. Cost: one pass; a thread of a Zen 4 packs 1.6 GB/s
    /// of q4_K, 2 of q4_0, q4_1 and q6_K, 3 of q8_0.
    ///
    /// Packed row i is row `rowOrder[i]` of the view.
    /// - Throws: `.unsupportedType`, `.wrongShape`, `.notFinite`, `.noMemory`.
    public convenience init(packing view: TensorView, rowOrder: [Int]? = nil) throws(TensorError) {
        let shape = try Shape(of: view, rowOrder: rowOrder)
        self.init(shape, memory: try Self.memory(shape.byteCount, tensor: view.name))
        try pack(view, rowOrder: rowOrder?.map(Int64.init), panels: 0..<panels)
    }

    /// Packs matrices on all threads of a pool. They lie one after the other on large pages, so that products stream through them.
    ///
    /// A thread packs the outputs that `WorkerPool.slice` gives it in products, so that pages lie on the memory node of the CPU that reads
    /// them, if the pool is pinned. It does so in pieces of some megabytes, as one matrix may be most of a model. `afterPiece` is called
    /// whenever a thread has packed that much, on the thread, with a number that counts these calls from 0.
    public static func pack(
        _ views: [(view: TensorView, rowOrder: [Int]?)], pool: WorkerPool, afterPiece: (Int) -> Void
    ) throws(TensorError) -> [PackedMatrix] {
        var shapes: [Shape] = []
        for source in views { shapes.append(try Shape(of: source.view, rowOrder: source.rowOrder)) }
        let memory = try Self.memory(shapes.reduce(0) { $0 + MatrixMemory.footprint($1.byteCount) }, tensor: "all weights")
        var matrices: [PackedMatrix] = []
        for shape in shapes { matrices.append(PackedMatrix(shape, memory: memory)) }
        let orders = views.map { $0.rowOrder?.map(Int64.init) }
        let failure = Mutex<TensorError?>(nil)
        pool.run { thread in
            var packed = 0, calls = 0
            for (index, matrix) in matrices.enumerated() {
                let own = WorkerPool.slice(matrix.panels, of: thread, threads: pool.threads)
                for piece in matrix.pieces(own) {
                    do throws(TensorError) {
                        try matrix.pack(views[index].view, rowOrder: orders[index], panels: piece)
                    } catch {
                        failure.withLock { $0 = error }
                        return
                    }
                    packed += piece.count * matrix.weights.panel_bytes
                    guard packed >= pieceBytes else { continue }
                    afterPiece(calls)
                    (packed, calls) = (0, calls + 1)
                }
            }
        }
        if let error = failure.withLock({ $0 }) { throw error }
        return matrices
    }

    private static func memory(_ byteCount: Int, tensor: String) throws(TensorError) -> MatrixMemory {
        do throws(ResourceError) {
            return try MatrixMemory(byteCount: byteCount)
        } catch {
            throw TensorError(code: .noMemory, tensor: tensor, message: error.message)
        }
    }

    /// Bytes of a matrix that is packed to 8 bits, as f32, f16 and bf16 are.
    package static func byteCount8(outputs: Int, inputs: Int) -> Int {
        (outputs + 15) / 16 * ck_packed_panel_bytes(ck_packed_form_of(CK_SOURCE_F32), (inputs + 31) / 32)
    }

    /// Packed bytes of a piece.
    private static let pieceBytes = 4 << 20

    /// Some panels in pieces of at least `pieceBytes`, and a rest.
    private func pieces(_ panels: Range<Int>) -> [Range<Int>] {
        let step = (Self.pieceBytes + weights.panel_bytes - 1) / weights.panel_bytes
        return stride(from: panels.lowerBound, to: panels.upperBound, by: step).map { $0..<min($0 + step, panels.upperBound) }
    }

    /// The checked size of a view's matrix.
    private struct Shape {
        let outputs: Int, inputs: Int
        let form: ck_packed_form

        init(of view: TensorView, rowOrder: [Int]?) throws(TensorError) {
            guard let source = PackedMatrix.sourceType(view.dtype) else {
                throw TensorError(
                    code: .unsupportedType, tensor: view.name, message: "weights of type \(view.dtype.name) cannot be packed")
            }
            guard view.shape.count == 2, view.elementCount > 0 else {
                throw TensorError(
                    code: .wrongShape, tensor: view.name, message: "a matrix was expected, the shape is \(view.shape)")
            }
            (outputs, inputs) = (view.shape[0], view.shape[1])
            if let rowOrder, rowOrder.count != outputs || !rowOrder.allSatisfy({ [outputs] in $0 >= 0 && $0 < outputs }) {
                throw TensorError(
                    code: .wrongShape, tensor: view.name, message: "the row order does not fit \(outputs) rows")
            }
            form = ck_packed_form_of(source)
        }

        var blocks: Int { (inputs + 31) / 32 }
        var panels: Int { (outputs + 15) / 16 }
        var panelBytes: Int { ck_packed_panel_bytes(form, blocks) }
        var byteCount: Int { panels * panelBytes }
    }

    /// Takes its bytes from `memory`; `pack` must fill all panels before the matrix is read.
    private init(_ shape: Shape, memory: MatrixMemory) {
        (outputs, inputs, panels, byteCount) = (shape.outputs, shape.inputs, shape.panels, shape.byteCount)
        self.memory = memory
        bytes = memory.take(shape.byteCount).assumingMemoryBound(to: UInt8.self)
        weights = ck_packed(
            data: bytes, outputs: shape.outputs, blocks: shape.blocks, panel_bytes: shape.panelBytes, form: shape.form)
    }

    /// `view` and `rowOrder` are those of the shape.
    private func pack(_ view: TensorView, rowOrder: [Int64]?, panels: Range<Int>) throws(TensorError) {
        guard let source = Self.sourceType(view.dtype) else { preconditionFailure("weights of type \(view.dtype.name) cannot be packed") }
        let (first, last) = (panels.lowerBound, panels.upperBound)
        if view.maker != nil { return try packMade(view, source, rowOrder, panels) }
        let result = view.withUnsafeBytes { bytes in
            let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress
            guard let rowOrder else { return ck_pack(source, base, view.rowBytes, nil, outputs, inputs, first, last, self.bytes) }
            return rowOrder.withUnsafeBufferPointer {
                ck_pack(source, base, view.rowBytes, $0.baseAddress, outputs, inputs, first, last, self.bytes)
            }
        }
        try Self.check(result, view)
    }

    private static func check(_ result: ck_pack_result, _ view: TensorView) throws(TensorError) {
        guard result == CK_PACK_DONE else {
            throw TensorError(
                code: .notFinite, tensor: view.name, message: "an element or a scale is infinite, NaN or too large for 16-bit scales")
        }
    }

    /// The same of rows that have to be made, a panel at a time.
    private func packMade(_ view: TensorView, _ source: ck_source_type, _ rowOrder: [Int64]?, _ panels: Range<Int>) throws(TensorError) {
        var rows: [UInt8] = []
        for panel in panels {
            let own = 16 * panel..<min(16 * panel + 16, outputs)
            let result = view.withRows(own, rowOrder, in: &rows) {
                ck_pack(source, $0, view.rowBytes, nil, own.count, inputs, 0, 1, bytes + panel * weights.panel_bytes)
            }
            try Self.check(result, view)
        }
    }

    private static func sourceType(_ type: DType) -> ck_source_type? {
        switch type {
        case .f32: CK_SOURCE_F32
        case .f16: CK_SOURCE_F16
        case .bf16: CK_SOURCE_BF16
        case .q4_0: CK_SOURCE_Q4_0
        case .q4_1: CK_SOURCE_Q4_1
        case .q5_0: CK_SOURCE_Q5_0
        case .q5_1: CK_SOURCE_Q5_1
        case .q8_0: CK_SOURCE_Q8_0
        case .q2_K: CK_SOURCE_Q2_K
        case .q3_K: CK_SOURCE_Q3_K
        case .q4_K: CK_SOURCE_Q4_K
        case .q5_K: CK_SOURCE_Q5_K
        case .q6_K: CK_SOURCE_Q6_K
        case .iq4_nl: CK_SOURCE_IQ4_NL
        case .iq4_xs: CK_SOURCE_IQ4_XS
        case .mxfp4: CK_SOURCE_MXFP4
        case .f64, .i8, .u8, .i32, .i64, .bool: nil
        }
    }

    /// The weights of one output, as packed; for embeddings tied to the head. `y` has `inputs` floats.
    public func dequantizeRow(_ output: Int, into y: UnsafeMutablePointer<Float>) {
        precondition(output >= 0 && output < outputs, "output \(output) is outside a matrix of \(outputs)")
        withUnsafePointer(to: weights) { ck_unpack_row($0, output, inputs, y) }
    }

    /// The weights as plain values, which inner loops read without counting references. Valid as long as this object lives.
    public var view: View { View(outputs: outputs, byteCount: byteCount, weights: weights) }

    /// `y[row * stride + output] = (W x_row)[output]` for the rows and outputs given.
    ///
    /// `outputs` begins at a multiple of 16 and ends at one or at the last output. Rows of `x` have this matrix's inputs.
    public func multiply(
        _ x: QuantizedRows, rows: Range<Int>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, stride: Int
    ) {
        view.multiply(x.view, rows: rows, outputs: outputs, into: y, stride: stride)
    }

    /// `y[i * stride + output] = (W x_row)[output]` where row is `rowIndices[i]`; for the head, which not every row needs.
    public func multiply(
        _ x: QuantizedRows, rowIndices: UnsafeBufferPointer<Int32>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>,
        stride: Int
    ) {
        precondition(rowIndices.allSatisfy { $0 >= 0 && Int($0) < x.capacityRows }, "the rows are outside the capacity of \(x.capacityRows)")
        view.check(x.view, outputs)
        guard !rowIndices.isEmpty else { return }
        withUnsafePointer(to: weights) {
            Kernels.table.pointee.packed.multiply(
                $0, x.blocks, x.blocksPerRow, rowIndices.baseAddress, 0, rowIndices.count, outputs.lowerBound, outputs.upperBound,
                y, stride, nil)
        }
    }

    /// The weights of a `PackedMatrix`, borrowed.
    public struct View {
        let outputs: Int
        public let byteCount: Int
        let weights: ck_packed

        /// As `PackedMatrix.dequantizeRow`; `columns` are the matrix's inputs.
        public func dequantizeRow(_ output: Int, columns: Int, into y: UnsafeMutablePointer<Float>) {
            precondition(output >= 0 && output < outputs && columns <= 32 * weights.blocks, "output \(output) is outside a matrix of \(outputs)")
            withUnsafePointer(to: weights) { ck_unpack_row($0, output, columns, y) }
        }

        /// Where the weights of an output's group of 16 begin.
        public func start(_ output: Int) -> UnsafeRawPointer { UnsafeRawPointer(weights.data + output / 16 * weights.panel_bytes) }

        /// As `PackedMatrix.multiply`; fetches `fetching` meanwhile.
        public func multiply(
            _ x: QuantizedRows.View, rows: Range<Int>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, stride: Int,
            fetching next: Kernels.Fetch = .init()
        ) {
            precondition(rows.lowerBound >= 0 && rows.upperBound <= x.capacityRows, "the rows are outside the capacity of \(x.capacityRows)")
            check(x, outputs)
            guard !rows.isEmpty else { return }
            withUnsafePointer(to: weights) { weights in
                withUnsafePointer(to: next.list) {
                    Kernels.table.pointee.packed.multiply(
                        weights, x.blocks, x.blocksPerRow, nil, rows.lowerBound, rows.count, outputs.lowerBound, outputs.upperBound,
                        y + rows.lowerBound * stride, stride, $0)
                }
            }
        }

        /// `y[i * stride + output] = (W x_row)[output]` where row is `rowIndices[i]`, all within x.
        public func multiply(
            _ x: QuantizedRows.View, rowIndices: UnsafeBufferPointer<Int32>, outputs: Range<Int>, into y: UnsafeMutablePointer<Float>, stride: Int
        ) {
            check(x, outputs)
            guard !rowIndices.isEmpty else { return }
            withUnsafePointer(to: weights) {
                Kernels.table.pointee.packed.multiply(
                    $0, x.blocks, x.blocksPerRow, rowIndices.baseAddress, 0, rowIndices.count, outputs.lowerBound, outputs.upperBound, y, stride,
                    nil)
            }
        }

        fileprivate func check(_ x: QuantizedRows.View, _ outputs: Range<Int>) {
            precondition(weights.blocks <= x.blocksPerRow, "the rows have fewer columns than the matrix has inputs")
            precondition(
                outputs.lowerBound >= 0 && outputs.upperBound <= self.outputs && outputs.lowerBound % 16 == 0
                    && (outputs.upperBound % 16 == 0 || outputs.upperBound == self.outputs),
                "outputs \(outputs) are not whole groups of 16 of \(self.outputs)")
        }
    }
}
