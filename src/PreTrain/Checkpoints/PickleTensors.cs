using System.Numerics;

namespace PreTrain.Checkpoints;

/// <summary>Finds the tensors in the containers of a pickle, and names them by their path.</summary>
/// <param name="path">The file, for messages.</param>
/// <param name="pickleBytes">The length of the pickle, from which follows how much it can hold honestly.</param>
internal sealed class PickleTensors(string path, long pickleBytes)
{
    private const int MaxDepth = 64, MaxNameChars = 4096;

    // A container may appear in several places, so that a short pickle can describe an endless tree. A file that is what it seems stays far below both.
    private long visitsLeft = 1000 + 2 * pickleBytes;
    private long charsLeft = 10_000 + 20 * pickleBytes;

    /// <summary>The tensors under a value; one alone is called <c>tensor</c>.</summary>
    /// <exception cref="CheckpointException">The containers are nested too deeply, or repeat themselves without end.</exception>
    internal IEnumerable<(string Name, PickleTensor Tensor)> Under(object? root)
    {
        var found = new List<(string, PickleTensor)>();
        if (root is PickleTensor single)
            found.Add(("tensor", single));
        else
            Visit(root, "", 0, found);
        return found;
    }

    private void Visit(object? value, string name, int depth, List<(string, PickleTensor)> found)
    {
        if (--visitsLeft < 0)
            throw Endless();
        switch (value)
        {
            case PickleTensor tensor:
                found.Add((name, tensor));
                break;
            case PickleDict dict:
                foreach (var (key, item) in dict.Items)
                    Enter(key, item);
                break;
            case PickleList list:
                for (var i = 0; i < list.Items.Count; i++)
                    Enter((long)i, list.Items[i]);
                break;
            case PickleTuple tuple:
                for (var i = 0; i < tuple.Items.Length; i++)
                    Enter((long)i, tuple.Items[i]);
                break;
        }

        void Enter(object? key, object? item)
        {
            if (item is not (PickleTensor or PickleDict or PickleList or PickleTuple))
                return;
            if (depth == MaxDepth)
                throw new CheckpointException(path, $"the containers in the file are nested more than {MaxDepth} deep.");
            var part = key switch
            {
                string text => text,
                long or BigInteger or bool => key.ToString()!,
                _ => null,
            };
            if (part is null)
            {
                if (item is PickleTensor)
                    throw new CheckpointException(path, $"a tensor under '{name}' has a key of the type {PickleReader.Kind(key)}, and a text or a whole number is wanted.");
                part = PickleReader.Kind(key);
            }
            if (name.Length + part.Length >= MaxNameChars)
                throw new CheckpointException(path, $"the name of a tensor is longer than {MaxNameChars} characters.");
            if ((charsLeft -= name.Length + part.Length + 1) < 0)
                throw Endless();
            Visit(item, name.Length == 0 ? part : $"{name}.{part}", depth + 1, found);
        }
    }

    private CheckpointException Endless() => new(path, "the containers in the file repeat themselves without end.");
}
