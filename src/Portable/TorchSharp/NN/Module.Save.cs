namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public partial class Module
        {
            /// <summary>Writes the state dictionary to a file, in TorchSharp's own format.</summary>
            public Module save(string location, IList<string>? skip = null)
            {
                using FileStream stream = File.Create(location);
                return save(stream, skip);
            }

            /// <summary>Writes the state dictionary, and closes the stream.</summary>
            public Module save(Stream stream, IList<string>? skip = null)
            {
                using var writer = new BinaryWriter(stream);
                return save(writer, skip);
            }

            public Module save(BinaryWriter writer, IList<string>? skip = null)
            {
                save_state_dict(writer, state_dict(), skip);
                return this;
            }

            /// <summary>Writes tensors with their names: their number as a 7-bit encoded integer, then each name and tensor.</summary>
            public static void save_state_dict(BinaryWriter writer, Dictionary<string, Tensor> sd, IList<string>? skip = null)
            {
                KeyValuePair<string, Tensor>[] entries = [.. sd.Where(entry => skip is null || !skip.Contains(entry.Key))];
                writer.Write7BitEncodedInt64(entries.Length);
                foreach (var (key, tensor) in entries)
                {
                    writer.Write(key);
                    tensor.Save(writer);
                }
            }

            /// <summary>Reads parameters and buffers from a file that <c>save</c> wrote.</summary>
            /// <exception cref="FileNotFoundException">There is no such file.</exception>
            /// <exception cref="ArgumentException">With <paramref name="strict"/>, the names differ; or an element type or a shape differs.</exception>
            /// <exception cref="EndOfStreamException">The file ends too early.</exception>
            /// <exception cref="InvalidDataException">The file is none of this format.</exception>
            public virtual Module load(string location, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using FileStream stream = File.OpenRead(location);
                return load(stream, strict, skip, loadedParameters);
            }

            /// <summary>Reads parameters and buffers, and closes the stream.</summary>
            public Module load(Stream stream, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var reader = new BinaryReader(stream);
                return load(reader, strict, skip, loadedParameters);
            }

            /// <param name="reader">Stands at the number of entries.</param>
            /// <param name="strict">Whether the stored names must be exactly those of this module.</param>
            /// <param name="skip">Names whose tensors stay as they are.</param>
            /// <param name="loadedParameters">Receives the stored names, and whether this module has each.</param>
            public virtual Module load(BinaryReader reader, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                Dictionary<string, Tensor> own = state_dict();
                long entries = Number(reader);
                if (strict && entries != own.Count)
                    throw new ArgumentException($"Mismatched state_dict sizes: expected {own.Count}, but found {entries} entries.");

                for (long i = 0; i < entries; i++)
                {
                    string key = Key(reader);
                    bool found = own.TryGetValue(key, out Tensor? target);
                    if (!found && strict)
                        throw new ArgumentException($"Mismatched module state names: the target modules does not have a submodule or buffer named '{key}'");

                    if (found && skip?.Contains(key) != true) LoadEntry(key, target!, reader);
                    else TensorExtensionMethods.Skip(reader);
                    loadedParameters?.Add(key, found);
                }
                return this;
            }

            /// <summary>Makes a module and reads its parameters from a file.</summary>
            public static Module Create<T>(string path) where T : Module, new() => new T().load(path);

            private static void LoadEntry(string key, Tensor target, BinaryReader reader)
            {
                try
                {
                    target.Load(reader);
                }
                catch (ArgumentException e)
                {
                    throw new ArgumentException($"'{key}': {e.Message}", e);
                }
            }

            private static long Number(BinaryReader reader)
            {
                try
                {
                    long number = reader.Read7BitEncodedInt64();
                    return number >= 0 ? number : throw new InvalidDataException($"The stream does not hold a state dictionary: it would have {number} entries.");
                }
                catch (FormatException e)
                {
                    throw new InvalidDataException("The stream does not hold a state dictionary: the number of entries has too many bytes.", e);
                }
            }

            private static string Key(BinaryReader reader)
            {
                try
                {
                    return reader.ReadString();
                }
                catch (Exception e) when (e is FormatException or IOException and not EndOfStreamException)
                {
                    throw new InvalidDataException("The stream does not hold a state dictionary: a name has an impossible length.", e);
                }
            }
        }
    }
}
