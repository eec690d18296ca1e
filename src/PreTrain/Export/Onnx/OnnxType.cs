namespace PreTrain.Export.Onnx;

/// <summary>The types of elements that graphs here use, by their numbers in <c>TensorProto.DataType</c>.</summary>
internal enum OnnxType
{
    Float32 = 1,
    UInt8 = 2,
    Int8 = 3,
    Int32 = 6,
    Int64 = 7,
    Bool = 9,
}
