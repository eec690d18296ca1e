using System.Security.Cryptography;
using System.Text;

namespace PreTrain.Data.Images;

/// <summary>
/// The images in a folder and the folders below it, in the ordinal order of their names: binary PGM and PPM files, and PNG files of 8 bits that are not interlaced. Every file must be
/// one, but for those whose names begin with a dot. An image is read when it is needed.
/// </summary>
public sealed class ImageFolder
{
    private readonly string[] _names;

    private ImageFolder(string folder, string[] names, string fingerprint) => (Folder, _names, Fingerprint) = (folder, names, fingerprint);

    /// <summary>The folder's full path.</summary>
    public string Folder { get; }

    /// <summary>The number of images.</summary>
    public int Count => _names.Length;

    /// <summary>The SHA-256 of the files' names and lengths, in hexadecimal digits.</summary>
    public string Fingerprint { get; }

    /// <summary>Lists a folder, and looks at the first bytes of each file.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="CorpusException">There is no such folder, it holds no image, or a file in it is none.</exception>
    public static ImageFolder Open(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        string root = Path.GetFullPath(folder);
        if (!Directory.Exists(root)) throw new CorpusException($"The folder of images '{folder}' does not exist. Check the name; relative names start at '{Directory.GetCurrentDirectory()}'.", folder);
        try
        {
            string[] names = [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'))
                .Where(name => !name.Split('/').Any(part => part.StartsWith('.'))).Order(StringComparer.Ordinal)];
            if (names.Length == 0) throw new CorpusException($"The folder '{folder}' holds no image. Put PNG, PGM or PPM files there.", folder);
            var list = new StringBuilder();
            foreach (string name in names)
            {
                string file = Path.Combine(root, name);
                ImageFile.Require(file);
                list.Append(name).Append('\0').Append(new FileInfo(file).Length).Append('\n');
            }
            return new ImageFolder(root, names, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(list.ToString()))));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The folder of images '{folder}' cannot be listed: {e.Message} Check its permissions.", folder, e);
        }
    }

    /// <summary>The full path of an image's file.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> − 1.</param>
    public string FileOf(int index) => Path.Combine(Folder, _names[index]);

    /// <summary>Reads an image.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> − 1.</param>
    /// <exception cref="CorpusException">The file is damaged, or of a kind that is not read.</exception>
    public RasterImage Read(int index) => ImageFile.Read(FileOf(index));
}
