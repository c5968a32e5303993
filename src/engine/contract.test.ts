import { engineContract } from './contractSuite.ts';
import { ortNode } from './ortNode.ts';
import { referenceEngine } from './reference.ts';

engineContract(referenceEngine());
engineContract(ortNode({ threads: 1 }));
