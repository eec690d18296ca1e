namespace PreTrain.Checkpoints;

/// <summary>How the files of a checkpoint store tensors.</summary>
public enum CheckpointFormat
{
    /// <summary>Hugging Face's safetensors: <c>model.safetensors</c>.</summary>
    Safetensors,

    /// <summary>PyTorch's <c>torch.save</c>: <c>pytorch_model.bin</c>, <c>.pt</c>, <c>.pth</c>.</summary>
    PyTorch,

    /// <summary>llama.cpp's GGUF: <c>.gguf</c>. It is read here; <see cref="CheckpointWriter"/> does not write it.</summary>
    Gguf,
}
