"""Times Hugging Face's tokenizers, for `PreTrain.Compare tokenizers`: prints one JSON object.

    python3 tokenizer_times.py encode --tokenizer FOLDER --documents FILE --passes 3 [--encodings]
    python3 tokenizer_times.py train --algorithm byte-bpe --vocab-size 8192 --documents FILE --passes 1

The documents are a JSON array of strings. Threads are set by TOKENIZERS_PARALLELISM and RAYON_NUM_THREADS.
"""
import argparse
import array
import hashlib
import json
import resource
import time

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers


def encode(args, documents):
    tokenizer = Tokenizer.from_file(f"{args.tokenizer}/tokenizer.json")
    tokenizer.no_truncation()
    call = tokenizer.encode_batch if args.encodings else tokenizer.encode_batch_fast
    result, seconds = call(documents, add_special_tokens=False), []
    for _ in range(args.passes):
        del result  # freeing is no part of the work
        start = time.perf_counter()
        result = call(documents, add_special_tokens=False)
        seconds.append(time.perf_counter() - start)
    digest = hashlib.sha256()
    for encoding in result:
        digest.update(array.array("i", encoding.ids).tobytes())
    return seconds, sum(len(encoding.ids) for encoding in result), digest.hexdigest()


def train(args, documents):
    seconds = []
    for _ in range(args.passes):
        if args.algorithm == "byte-bpe":
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            trainer = trainers.BpeTrainer(
                vocab_size=args.vocab_size, special_tokens=["<|endoftext|>"], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
        elif args.algorithm == "wordpiece":
            tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            trainer = trainers.WordPieceTrainer(
                vocab_size=args.vocab_size, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"], show_progress=False)
        else:
            tokenizer = Tokenizer(models.Unigram())
            tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
            trainer = trainers.UnigramTrainer(vocab_size=args.vocab_size, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
        start = time.perf_counter()
        tokenizer.train_from_iterator(documents, trainer)
        seconds.append(time.perf_counter() - start)
    tokens = [tokenizer.id_to_token(id) for id in range(tokenizer.get_vocab_size())]
    return seconds, len(tokens), hashlib.sha256("\n".join(tokens).encode()).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["encode", "train"])
    parser.add_argument("--tokenizer")
    parser.add_argument("--algorithm", choices=["byte-bpe", "wordpiece", "unigram"])
    parser.add_argument("--vocab-size", type=int)
    parser.add_argument("--documents")
    parser.add_argument("--passes", type=int, default=3)
    parser.add_argument("--encodings", action="store_true")
    args = parser.parse_args()
    with open(args.documents, encoding="utf-8") as file:
        documents = json.load(file)
    seconds, count, digest = (encode if args.what == "encode" else train)(args, documents)
    print(json.dumps({
        "who": f"tokenizers {tokenizers.__version__}", "seconds": seconds, "count": count, "digest": digest,
        "peakMemoryBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    main()
