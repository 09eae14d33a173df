-- steady: accept data_loss because no report reads the notes since March
-- steady: accept breaks_running_application because version 4.2 is gone from all servers
ALTER TABLE "Sale" DROP COLUMN "notes";
