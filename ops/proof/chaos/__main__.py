import sys

from chaos.run import arguments, prove
from proof import run

sys.exit(run(arguments(), prove))
